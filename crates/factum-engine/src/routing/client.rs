//! Sends commands to their owners, wherever those are.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{
    Aggregate, Event, EventLog, LogError, LogErrorKind, Topic, events_topic, partition_of,
};
use factum_host::{random_id, spawn};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;
use uuid::Uuid;

use super::lane::{self, Outgoing};
use super::replies::{Expectation, Expected, listen};
use super::wire::{Envelope, ReplyTo};
use super::{Codec, Routing, RoutingOptions, Topics};
use crate::answer::Outcome;
use crate::engine::span;
use crate::{CommandOptions, EngineError, ExecuteError, Receipt};

/// The longest pause before a command is sent again, in [`RoutingOptions::send_again_after`].
const LONGEST_PAUSE: u32 = 12;

/// Sends commands to the aggregates of one type, and owns none of them: for programs that ask, and
/// leave the answering to a service. Dropping it ends its tasks.
///
/// A command that was sent survives every crash and takes effect once: while nobody owns its
/// partition, it waits in the log.
pub struct Client<A: Aggregate> {
    codec: Codec<A>,
    options: RoutingOptions,
    commands: Arc<dyn Topic>,
    lanes: Vec<mpsc::Sender<Outgoing>>,
    expected: Arc<Expected>,
    client: Uuid,
    /// The partition of the topic of replies that answers come through.
    replies: u32,
    _listening: DropGuard,
}

/// A command that is durable: it will be carried out, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Submitted {
    /// The command's id. Submitting it again changes nothing; executing it tells what became of it.
    pub command: Uuid,
    /// The partition that holds the aggregate.
    pub partition: u32,
}

/// A command as it goes into the log.
struct Sending {
    id: String,
    command: Uuid,
    partition: u32,
    envelope: Envelope,
    value: Vec<u8>,
}

impl Sending {
    /// From now on only its answer is asked for: it is in the log.
    fn again(&mut self) {
        if let Some(reply_to) = &mut self.envelope.reply_to {
            reply_to.again = true;
        }
    }

    fn outgoing(&self) -> (Outgoing, Sent) {
        let (sent, durable) = oneshot::channel();
        let (waits, answered) = oneshot::channel();
        let outgoing = Outgoing {
            id: self.id.clone(),
            header: header(&self.envelope),
            value: self.value.clone(),
            sent,
            answered,
        };
        (
            outgoing,
            Sent {
                durable,
                _waits: waits,
            },
        )
    }
}

/// One that waits for a command that was queued.
struct Sent {
    /// Told once the command is durable, or may not be.
    durable: oneshot::Receiver<Result<(), Arc<LogError>>>,
    /// The next commands are sent when nobody waits any more.
    _waits: oneshot::Sender<Infallible>,
}

fn header(envelope: &Envelope) -> Vec<u8> {
    serde_json::to_vec(envelope).expect("an envelope is JSON")
}

impl<A: Aggregate> Client<A> {
    /// Connects to the service that owns the aggregates, which must have been started once, with
    /// [routing](crate::EngineBuilder::routing).
    ///
    /// # Errors
    /// The log cannot be reached, or lacks one of the service's topics, or does not let this program
    /// read its answers; or the topic of commands does not fit the topic of events.
    pub async fn connect(log: Arc<dyn EventLog>, routing: Routing<A>) -> Result<Self, EngineError> {
        let aggregate = A::Event::AGGREGATE;
        let partitions = log.open(&events_topic(aggregate), None).await?.partitions();
        let topics = Topics::open(&*log, aggregate, partitions, None, routing.options).await?;
        Ok(Self::start(&topics, &routing).await?)
    }

    /// Begins to listen for answers, and returns once it does.
    pub(crate) async fn start(topics: &Topics, routing: &Routing<A>) -> Result<Self, LogError> {
        let client = random_id();
        let replies = partition_of(client.as_bytes(), topics.replies.partitions());
        let (expected, stop) = (Arc::new(Expected::default()), CancellationToken::new());
        let (tell, listens) = oneshot::channel();
        let listening = listen(
            topics.replies.clone(),
            replies,
            client,
            expected.clone(),
            tell,
        );
        let stopped = stop.clone();
        spawn(async move { stopped.run_until_cancelled(listening).await });
        let closed = || LogError::new(LogErrorKind::Closed, "the reader of answers ended");
        listens.await.unwrap_or_else(|_| Err(closed()))?;
        let lane = |partition| {
            let (queue, queued) = mpsc::channel(routing.options.queue.max(1));
            spawn(lane::run(topics.commands.clone(), partition, queued));
            queue
        };
        Ok(Self {
            codec: routing.codec,
            options: routing.options,
            commands: topics.commands.clone(),
            lanes: (0..topics.commands.partitions()).map(lane).collect(),
            expected,
            client,
            replies,
            _listening: stop.drop_guard(),
        })
    }

    /// Has a command carried out, and returns once its events are facts.
    ///
    /// # Errors
    /// See [`Client::execute_with`].
    pub fn execute(
        &self,
        id: impl Into<String>,
        command: A::Command,
    ) -> impl Future<Output = Result<Receipt, ExecuteError<A::Rejection>>> + Send {
        self.execute_with(id, command, CommandOptions::default())
    }

    /// Has a command carried out, with options. Without a time-out it waits as long as that takes,
    /// also while nobody owns the partition. While no answer comes, the command is sent again under its
    /// id. Dropping the call calls nothing back that was sent.
    ///
    /// # Errors
    /// What the owner says; [`ExecuteError::Unknown`] after the time-out; [`ExecuteError::Refused`] if the
    /// log does not take the command; [`ExecuteError::Overloaded`] or [`ExecuteError::Unsent`] if nothing
    /// was sent; [`ExecuteError::AnswerNotUnderstood`] if the owner's build is another one.
    pub fn execute_with(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> impl Future<Output = Result<Receipt, ExecuteError<A::Rejection>>> + Send {
        let id = id.into();
        let span = span::<A>(&id, &options);
        self.ask(id, command, options).instrument(span)
    }

    async fn ask(
        &self,
        id: String,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Receipt, ExecuteError<A::Rejection>> {
        let command_id = options.command_id.unwrap_or_else(random_id);
        let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
        let mut answer = self.expected.expect();
        let reply_to = Some(ReplyTo {
            client: self.client,
            partition: self.replies,
            call: answer.call,
            again: false,
        });
        let mut sending = self.sending(id, &command, command_id, &options, reply_to)?;
        let mut sent_before = false;
        let mut pause = self.options.send_again_after.max(Duration::from_millis(1));
        let longest = pause.saturating_mul(LONGEST_PAUSE);
        loop {
            let attempt = match self.queue(&sending, deadline).await {
                Ok(sent) => {
                    let told = wait(&mut sending, &mut answer, sent, pause);
                    before(deadline, told).await.unwrap_or(Ok(None))
                }
                Err(error) => Err(error),
            };
            pause = longest.min(pause.saturating_mul(2));
            match attempt {
                Ok(Some(told)) => return self.hear(&told, command_id),
                Ok(None) => {}
                // What was sent before may still take effect.
                Err(ExecuteError::Overloaded) if sent_before => {
                    return Err(ExecuteError::Unknown {
                        command: command_id,
                    });
                }
                Err(error) => return Err(error),
            }
            sent_before = true;
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(ExecuteError::Unknown {
                    command: command_id,
                });
            }
        }
    }

    /// Sends a command without waiting for what becomes of it: returns once it is durable. It will be
    /// carried out once, whatever crashes; and be it rejected, nobody is told.
    ///
    /// # Errors
    /// See [`Client::submit_with`].
    pub async fn submit(
        &self,
        id: impl Into<String>,
        command: A::Command,
    ) -> Result<Submitted, ExecuteError<A::Rejection>> {
        self.submit_with(id, command, CommandOptions::default())
            .await
    }

    /// Sends a command with options, and returns once it is durable.
    ///
    /// # Errors
    /// [`ExecuteError::Unknown`] if it is not known whether it is durable: submitting it again under
    /// the same id makes sure. [`ExecuteError::Refused`] if the log does not take it;
    /// [`ExecuteError::Overloaded`] or [`ExecuteError::Unsent`] if nothing was
    /// sent.
    pub async fn submit_with(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Submitted, ExecuteError<A::Rejection>> {
        let command_id = options.command_id.unwrap_or_else(random_id);
        let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
        let sending = self.sending(id.into(), &command, command_id, &options, None)?;
        let sent = self.queue(&sending, deadline).await?;
        match before(deadline, sent.durable).await {
            Some(Ok(Ok(()))) => Ok(Submitted {
                command: command_id,
                partition: sending.partition,
            }),
            Some(Ok(Err(error))) if is_refused(&error) => Err(refused(command_id, error)),
            _ => Err(ExecuteError::Unknown {
                command: command_id,
            }),
        }
    }

    fn sending(
        &self,
        id: String,
        command: &A::Command,
        command_id: Uuid,
        options: &CommandOptions,
        reply_to: Option<ReplyTo>,
    ) -> Result<Sending, ExecuteError<A::Rejection>> {
        let unsuitable = |message: String| {
            let error = LogError::new(LogErrorKind::Unsuitable, message);
            ExecuteError::Unsent(Arc::new(error))
        };
        let value = (self.codec.encode)(command).map_err(|error| {
            unsuitable(format!("the command cannot be written as JSON: {error}"))
        })?;
        let (version, metadata) = (options.expected_version, &options.metadata);
        let envelope = Envelope::new(command_id, version, reply_to, metadata);
        let bytes = id.len() + header(&envelope).len() + value.len();
        let limit = self.commands.max_record_bytes();
        if bytes > limit {
            let topic = self.commands.name();
            let what = format!("the command has {bytes} bytes, and topic {topic} takes {limit}");
            return Err(unsuitable(what));
        }
        let partition = partition_of(id.as_bytes(), self.commands.partitions());
        Ok(Sending {
            id,
            command: command_id,
            partition,
            envelope,
            value,
        })
    }

    /// Queues a command, waiting for room.
    async fn queue(
        &self,
        sending: &Sending,
        deadline: Option<Instant>,
    ) -> Result<Sent, ExecuteError<A::Rejection>> {
        let (outgoing, sent) = sending.outgoing();
        let lane = &self.lanes[sending.partition as usize];
        match before(deadline, lane.send(outgoing)).await {
            Some(Ok(())) => Ok(sent),
            _ => Err(ExecuteError::Overloaded),
        }
    }

    fn hear(&self, told: &[u8], command: Uuid) -> Outcome<A::Rejection> {
        match self.codec.hear(told, command) {
            Ok(outcome) => outcome,
            Err(reason) => Err(ExecuteError::AnswerNotUnderstood { command, reason }),
        }
    }
}

/// Waits for the answer until it is time to send the command again: `None` then. Not before it is
/// known what became of the last copy: too many commands might come between the two.
async fn wait<R>(
    sending: &mut Sending,
    answer: &mut Expectation,
    mut sent: Sent,
    pause: Duration,
) -> Result<Option<Box<[u8]>>, ExecuteError<R>> {
    tokio::select! {
        biased;
        told = &mut *answer => return Ok(Some(told)),
        durable = &mut sent.durable => match durable {
            Ok(Ok(())) => sending.again(),
            Ok(Err(error)) if is_refused(&error) => return Err(refused(sending.command, error)),
            _ => {}
        },
    }
    Ok(tokio::time::timeout(pause, answer).await.ok())
}

/// Whether sending again is of no use: the log says no. Some of the batch may be there all the same.
fn is_refused(error: &LogError) -> bool {
    use LogErrorKind::{Denied, NotFound, Unsuitable};
    matches!(error.kind(), Denied | NotFound | Unsuitable)
}

fn refused<R>(command: Uuid, cause: Arc<LogError>) -> ExecuteError<R> {
    ExecuteError::Refused { command, cause }
}

/// What comes before the deadline.
async fn before<T>(deadline: Option<Instant>, future: impl Future<Output = T>) -> Option<T> {
    match deadline {
        None => Some(future.await),
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
    }
}

//! The handle that callers use.

use std::future::Future;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use factum_core::{
    Aggregate, Event, EventLog, LogError, LogErrorKind, Metadata, Topic, events_topic, partition_of,
};
use factum_host::{processors, random_id, spawn};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::answer::Reply;
use crate::board::{Board, Link};
use crate::builder::EngineBuilder;
use crate::checkpoints::{Checkpoints, Keeping};
use crate::decider::{Caller, Request};
use crate::follow::follow_to_the_end;
use crate::history::{Asking, Lookup};
use crate::middleware::Middleware;
use crate::outcomes::Outcome;
use crate::owner::Route;
use crate::routing::{Client, Codec, Intake, Replier, Routing, Submitted, Topics};
use crate::status::EngineStatus;
use crate::turns::Turns;
use crate::{CommandOptions, EngineError, EngineOptions, ExecuteError, Receipt};

/// How long a group may take to give a new member partitions, before the member counts as spare.
pub(crate) const SPARE_AFTER: Duration = Duration::from_secs(15);

/// How many partitions of an engine are replayed at the same time, at most: each takes a reader's
/// memory, and more than there are processors gain nothing.
const REPLAYS: usize = 4;

/// Carries out commands on the aggregates of one type.
///
/// Cheap to share behind a reference or an [`Arc`]. Dropping it stops it without waiting;
/// [`Engine::shutdown`] lets it finish.
pub struct Engine<A: Aggregate> {
    shared: Arc<Shared<A>>,
}

/// What the handle and the task behind it share.
pub(crate) struct Shared<A: Aggregate> {
    pub topic: Arc<dyn Topic>,
    pub group: String,
    pub options: Arc<EngineOptions>,
    pub checkpoints: Option<Arc<Keeping<A>>>,
    /// The ways of commands through the log, where they are routed.
    pub routes: Option<Routes<A>>,
    pub middleware: Option<Arc<dyn Middleware<A>>>,
    /// The ways to the owner of each partition that this engine owns.
    pub owners: RwLock<Vec<Option<Ways<A>>>>,
    /// Whose turn it is to ask for what was.
    pub asking: Asking,
    pub claimant: Uuid,
    pub turns: Arc<Turns>,
    pub stop: CancellationToken,
    /// Cancelled when the task that follows the group is over.
    pub ended: CancellationToken,
    /// How many owned partitions take commands, once the group has said which are owned.
    pub ready: watch::Sender<Readiness>,
    pub failure: watch::Sender<Option<EngineError>>,
    pub board: Arc<Board>,
}

/// The ways to an owner in this process.
pub(crate) struct Ways<A: Aggregate> {
    pub commands: mpsc::Sender<Request<A>>,
    /// For questions about what was.
    pub lookups: mpsc::Sender<Lookup>,
}

/// The ways of commands through the log.
pub(crate) struct Routes<A: Aggregate> {
    intake: Intake<A>,
    codec: Codec<A>,
    replier: Replier<A>,
    client: Client<A>,
}

impl<A: Aggregate> Routes<A> {
    async fn open(
        log: &dyn EventLog,
        events: &dyn Topic,
        options: &EngineOptions,
        routing: &Routing<A>,
    ) -> Result<Self, EngineError> {
        let (aggregate, create) = (A::Event::AGGREGATE, options.create);
        let partitions = events.partitions();
        let topics = Topics::open(log, aggregate, partitions, create, routing.options).await?;
        Ok(Self {
            client: Client::start(&topics, routing).await?,
            codec: routing.codec,
            replier: Replier::start(routing.codec, topics.replies.clone()),
            intake: Intake::start(topics, routing.codec),
        })
    }

    /// Waits a little for the answers on their way.
    pub async fn flush(&self) {
        self.replier.flush().await;
    }
}

impl<A: Aggregate> Shared<A> {
    /// A way to the owner of a partition, if it is here.
    pub fn way<T>(&self, partition: u32, pick: impl FnOnce(&Ways<A>) -> T) -> Option<T> {
        let owners = self.owners.read().expect("no one panics with the lock");
        owners[partition as usize].as_ref().map(pick)
    }

    /// Opens the ways to an owner, or closes them.
    pub fn lead_to(&self, partition: u32, ways: Option<Ways<A>>) {
        let mut owners = self.owners.write().expect("no one panics with the lock");
        owners[partition as usize] = ways;
    }

    /// The way of commands through the log, for one of the owners.
    pub fn route(&self) -> Option<Route<A>> {
        let routes = self.routes.as_ref()?;
        let (intake, replier) = (routes.intake.clone(), routes.replier.clone());
        Some(Route::new(intake, routes.codec, replier))
    }
}

/// How many partitions are owned, and how many of them were served at least once.
#[derive(Clone, Copy, Default)]
pub(crate) struct Readiness {
    pub assigned: bool,
    pub owned: usize,
    pub served: usize,
}

impl<A: Aggregate> Engine<A> {
    /// Opens the aggregate's topic, joins its group, replays the partitions that it gets, and
    /// returns once they take commands; or after a while, if the group has none to give: then the
    /// engine stands by for the others.
    ///
    /// # Errors
    /// The log cannot be reached, is damaged, or is not one that Factum can work with.
    pub async fn start(
        log: Arc<dyn EventLog>,
        options: EngineOptions,
    ) -> Result<Self, EngineError> {
        Self::builder(log).options(options).start().await
    }

    /// An engine with parts of one's own choice.
    pub fn builder(log: Arc<dyn EventLog>) -> EngineBuilder<A> {
        EngineBuilder::new(log)
    }

    pub(crate) async fn start_as(builder: EngineBuilder<A>) -> Result<Self, EngineError> {
        let EngineBuilder {
            log,
            options,
            checkpoints,
            routing,
            middleware,
        } = builder;
        options.check()?;
        let checkpoints = checkpoints.map(Checkpoints::share).transpose();
        let checkpoints = checkpoints.map_err(EngineError::State)?;
        let aggregate = A::Event::AGGREGATE;
        let board = Board::new(aggregate);
        options.components.add(&board);
        let topic = log.open(&events_topic(aggregate), options.create).await?;
        let routes = match &routing {
            Some(routing) => Some(Routes::open(&*log, &*topic, &options, routing).await?),
            None => None,
        };
        let group = options
            .group
            .clone()
            .unwrap_or_else(|| format!("factum.{aggregate}"));
        let membership = topic.join(&group).await?;
        let partitions = topic.partitions() as usize;
        let shared = Arc::new(Shared {
            topic,
            group,
            options: Arc::new(options),
            checkpoints,
            routes,
            middleware,
            owners: RwLock::new((0..partitions).map(|_| None).collect()),
            asking: Asking::default(),
            claimant: random_id(),
            turns: Arc::new(Turns::new(processors().min(REPLAYS))),
            stop: CancellationToken::new(),
            ended: CancellationToken::new(),
            ready: watch::Sender::new(Readiness::default()),
            failure: watch::Sender::new(None),
            board,
        });
        shared.board.opened(Link::of(&shared));
        spawn(follow_to_the_end(shared.clone(), membership));
        let engine = Self { shared };
        tokio::select! {
            biased;
            ready = engine.ready() => ready?,
            () = engine.spare() => tracing::info!("the group gave no partition: standing by"),
        }
        Ok(engine)
    }

    /// Waits until the group gave this engine partitions, and every one of them takes commands.
    ///
    /// # Errors
    /// The engine failed.
    pub async fn ready(&self) -> Result<(), EngineError> {
        let mut ready = self.shared.ready.subscribe();
        tokio::select! {
            biased; // an engine that failed owns nothing any more, and so looks ready
            error = self.failed() => Err(error),
            _ = ready.wait_for(|now| now.assigned && now.served >= now.owned) => Ok(()),
        }
    }

    /// How the engine is at the moment. It keeps nobody from working: ask as often as you like.
    pub fn status(&self) -> EngineStatus {
        self.shared.board.status()
    }

    /// Waits until it is clear that the group has no partition to give.
    async fn spare(&self) {
        tokio::time::sleep(SPARE_AFTER).await;
        if self.shared.ready.borrow().assigned {
            std::future::pending().await
        }
    }

    /// Waits until the engine fails; pending for ever while it does not. A service ends then.
    pub async fn failed(&self) -> EngineError {
        let mut failure = self.shared.failure.subscribe();
        // The guard must be gone before the next await, or no task could wait for this.
        let failure = failure.wait_for(Option::is_some).await;
        let failure = failure.ok().and_then(|failure| failure.clone());
        match failure {
            Some(failure) => failure,
            None => std::future::pending().await,
        }
    }

    /// Carries out a command, and returns once its events are facts.
    ///
    /// # Errors
    /// See [`ExecuteError`]: it says for each case whether anything happened.
    pub fn execute(
        &self,
        id: impl Into<String>,
        command: A::Command,
    ) -> impl Future<Output = Result<Receipt, ExecuteError<A::Rejection>>> + Send {
        self.execute_with(id, command, CommandOptions::default())
    }

    /// Carries out a command with options, and returns once its events are facts. Where commands are
    /// [routed](EngineBuilder::routing), one to an aggregate of another engine goes there.
    ///
    /// Without a time-out it waits as long as that takes, also while the log is out of reach. Dropping
    /// the call calls the command back, unless it was decided or sent on.
    ///
    /// # Errors
    /// See [`ExecuteError`]: it says for each case whether anything happened.
    pub fn execute_with(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> impl Future<Output = Result<Receipt, ExecuteError<A::Rejection>>> + Send {
        // No `async fn`: futures within futures hold the command and its options once each, and are moved.
        let id = id.into();
        let span = span::<A>(&id, &options);
        self.execute_anywhere(id, command, options).instrument(span)
    }

    async fn execute_anywhere(
        &self,
        id: String,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Receipt, ExecuteError<A::Rejection>> {
        let partition = partition_of(id.as_bytes(), self.shared.topic.partitions());
        match &self.shared.routes {
            _ if self.shared.stop.is_cancelled() => {
                Err(self.refuse(ExecuteError::Unavailable { partition }))
            }
            Some(routes) if !self.owns(partition) => {
                // In a box, for every call would be as large as this one.
                Box::pin(routes.client.execute_with(id, command, options)).await
            }
            _ => {
                let timeout = options.timeout;
                let unqueued = match self.try_queue(id, command, options)? {
                    Queueing::Done(reply) => return reply.await,
                    Queueing::NoRoom(unqueued) => unqueued,
                };
                Box::pin(self.queue(unqueued, timeout)).await?.await
            }
        }
    }

    /// Sends a command to its owner through the log, also where this engine owns the aggregate, without waiting for what becomes of it: returns
    /// once it is durable. It will be carried out once, whatever crashes; and be it rejected, nobody is
    /// told. A command that is executed afterwards may be decided before it.
    ///
    /// # Errors
    /// Those of [`Client::submit_with`]; [`ExecuteError::Unsent`] where commands are not
    /// [routed](EngineBuilder::routing).
    pub async fn submit(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Submitted, ExecuteError<A::Rejection>> {
        match &self.shared.routes {
            Some(routes) => routes.client.submit_with(id, command, options).await,
            None => {
                let message = "commands are not routed: start the engine with a `Routing`";
                let error = LogError::new(LogErrorKind::Unsuitable, message);
                Err(self.refuse(ExecuteError::Unsent(Arc::new(error))))
            }
        }
    }

    pub(crate) fn shared(&self) -> &Shared<A> {
        &self.shared
    }

    fn owns(&self, partition: u32) -> bool {
        self.shared.way(partition, |_| ()).is_some()
    }

    /// Queues a command behind those queued before it, waiting for room, and returns its reply:
    /// the way to have many commands under way. Commands of one aggregate are decided in the order
    /// in which they were queued.
    ///
    /// # Errors
    /// The partition is not owned by this engine.
    pub async fn enqueue(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Reply<A::Rejection>, ExecuteError<A::Rejection>> {
        let timeout = options.timeout;
        match self.try_queue(id.into(), command, options)? {
            Queueing::Done(reply) => Ok(reply),
            Queueing::NoRoom(unqueued) => self.queue(unqueued, timeout).await,
        }
    }

    /// Queues a command if there is room at once.
    ///
    /// # Errors
    /// [`ExecuteError::Overloaded`] when there is no room; or the partition is not owned by this engine.
    pub fn try_enqueue(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Reply<A::Rejection>, ExecuteError<A::Rejection>> {
        match self.try_queue(id.into(), command, options)? {
            Queueing::Done(reply) => Ok(reply),
            Queueing::NoRoom(_) => Err(self.refuse(ExecuteError::Overloaded)),
        }
    }

    /// Queues a command if there is room at once, and nobody waits for room.
    fn try_queue(
        &self,
        id: String,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Queueing<A>, ExecuteError<A::Rejection>> {
        let (request, partition, reply) = self.request(id, command, options);
        let owner = self.owner(partition)?;
        match owner.try_send(request) {
            Ok(()) => Ok(Queueing::Done(reply)),
            Err(TrySendError::Full(request)) => Ok(Queueing::NoRoom(Unqueued {
                request,
                partition,
                owner,
                reply,
            })),
            Err(TrySendError::Closed(_)) => {
                Err(self.refuse(ExecuteError::Unavailable { partition }))
            }
        }
    }

    /// Waits for room.
    async fn queue(
        &self,
        unqueued: Unqueued<A>,
        timeout: Option<Duration>,
    ) -> Result<Reply<A::Rejection>, ExecuteError<A::Rejection>> {
        let Unqueued {
            request,
            partition,
            owner,
            reply,
        } = unqueued;
        let sent = match timeout {
            None => owner.send(request).await,
            Some(timeout) => tokio::time::timeout(timeout, owner.send(request))
                .await
                .map_err(|_| self.refuse(ExecuteError::Overloaded))?,
        };
        match sent {
            Ok(()) => Ok(reply),
            Err(_) => Err(self.refuse(ExecuteError::Unavailable { partition })),
        }
    }

    fn request(
        &self,
        id: String,
        command: A::Command,
        options: CommandOptions,
    ) -> (Request<A>, u32, Reply<A::Rejection>) {
        let partition = partition_of(id.as_bytes(), self.shared.topic.partitions());
        let (caller, reply) = oneshot::channel();
        let command_id = options.command_id.unwrap_or_else(random_id);
        let request = Request {
            id,
            command: Ok(command),
            command_id,
            chosen: options.command_id.is_some(),
            expected_version: options.expected_version,
            metadata: (options.metadata != Metadata::default()).then(|| Box::new(options.metadata)),
            caller: Caller::Here(caller),
        };
        let reply = Reply {
            answer: reply,
            command: command_id,
            deadline: options
                .timeout
                .map(|wait| Box::pin(tokio::time::sleep(wait))),
        };
        (request, partition, reply)
    }

    fn owner(
        &self,
        partition: u32,
    ) -> Result<mpsc::Sender<Request<A>>, ExecuteError<A::Rejection>> {
        let way = self.shared.way(partition, |ways| ways.commands.clone());
        way.ok_or_else(|| self.refuse(ExecuteError::Unavailable { partition }))
    }

    /// Counts a command that reached no owner.
    fn refuse(&self, error: ExecuteError<A::Rejection>) -> ExecuteError<A::Rejection> {
        self.shared.board.count(Outcome::of_error(&error));
        error
    }

    /// Waits, and returns whether the engine still runs.
    pub(crate) async fn sleep(&self, wait: Duration) -> bool {
        let wait = tokio::time::sleep(wait);
        self.shared.stop.run_until_cancelled(wait).await.is_some()
    }

    /// Takes no more commands, carries out and answers those that wait, and leaves the group. Where
    /// the log fails meanwhile, callers whose commands were under way get [`ExecuteError::Unknown`].
    ///
    /// # Errors
    /// The engine failed before or meanwhile.
    pub async fn shutdown(&self) -> Result<(), EngineError> {
        self.shared.stop.cancel();
        self.shared.ended.cancelled().await;
        self.shared.failure.borrow().clone().map_or(Ok(()), Err)
    }
}

/// What became of a command that was to be queued at once.
enum Queueing<A: Aggregate> {
    Done(Reply<A::Rejection>),
    NoRoom(Unqueued<A>),
}

/// A command that waits for room.
struct Unqueued<A: Aggregate> {
    request: Request<A>,
    partition: u32,
    owner: mpsc::Sender<Request<A>>,
    reply: Reply<A::Rejection>,
}

impl<A: Aggregate> Drop for Engine<A> {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

/// The span of one command: its aggregate, its ids, and the trace that it belongs to.
pub(crate) fn span<A: Aggregate>(id: &str, options: &CommandOptions) -> Span {
    let trace = options.metadata.trace.as_ref().map(tracing::field::display);
    let command = options.command_id.as_ref().map(tracing::field::display);
    tracing::debug_span!(
        "command",
        aggregate = A::Event::AGGREGATE,
        id,
        command,
        traceparent = trace
    )
}

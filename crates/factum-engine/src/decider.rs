//! What becomes of a command: decided from the partition's state alone, without I/O.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use factum_core::{
    Aggregate, Event, EventHeader, Framing, Handled, Header, Metadata, Offset, Origin, Records,
    Stamp, Writer,
};
use factum_host::{Guard, holds};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::aggregates::Versioned;
use crate::answer::{Outcome, Waiting};
use crate::middleware::{Call, Middleware};
use crate::routing::{Codec, Routed};
use crate::state::PartitionState;
use crate::window::Entry;
use crate::{ExecuteError, Receipt};

/// A command on its way to the owner of its partition.
pub(crate) struct Request<A: Aggregate> {
    pub id: String,
    /// What is asked for; or why that cannot be read.
    pub command: Result<A::Command, String>,
    pub command_id: Uuid,
    /// Whether the caller chose the id: nobody can have sent a random one before.
    pub chosen: bool,
    pub expected_version: Option<u64>,
    /// `None` where there is nothing to say.
    pub metadata: Option<Box<Metadata>>,
    pub caller: Caller<A::Rejection>,
}

/// Who waits for the answer.
#[derive(Debug)]
pub(crate) enum Caller<R> {
    /// A caller in this process.
    Here(oneshot::Sender<Outcome<R>>),
    /// Whoever sent the command through the log.
    There(Routed),
}

impl<R> Caller<R> {
    /// Whether nobody waits any more. What came through the log is carried out all the same.
    fn has_gone(&self) -> bool {
        matches!(self, Self::Here(caller) if caller.is_closed())
    }

    /// Whether the command came before on this way, and only its answer is asked for.
    pub fn asks_again(&self) -> bool {
        let again = |routed: &Routed| routed.reply_to.is_some_and(|it| it.again);
        matches!(self, Self::There(routed) if again(routed))
    }

    /// Nothing, unless the command came before.
    fn first(&self, command: Uuid) -> Result<(), Outcome<R>> {
        match self.asks_again() && holds(Guard::Copied) {
            true => Err(Err(ExecuteError::Forgotten { command })),
            false => Ok(()),
        }
    }

    /// Where the command stands in the topic of commands, if it came through that.
    pub fn offset(&self) -> Option<Offset> {
        match self {
            Self::Here(_) => None,
            Self::There(routed) => Some(routed.offset),
        }
    }
}

/// The longest answer that is written down for a command without events, in bytes.
const ANSWER_BYTES: usize = 8 << 10;

/// Decides commands one after the other, and gathers what is to be appended.
pub(crate) struct Decider<'a, A: Aggregate> {
    pub partition: u32,
    pub max_record_bytes: usize,
    /// When these commands are decided, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// The same moment, to measure from.
    pub begun: Instant,
    pub state: &'a mut PartitionState<A>,
    pub writer: &'a mut Writer<Waiting<A::Rejection>>,
    pub records: Records,
    pub stamps: Vec<Stamp>,
    /// Where commands are routed, how what callers are told is written down.
    pub codec: Option<Codec<A>>,
    pub middleware: Option<&'a Arc<dyn Middleware<A>>>,
    pub framing: Option<&'a Arc<dyn Framing>>,
}

/// What a command is to append.
struct Decided<E> {
    /// At least one event.
    events: Vec<E>,
    /// The aggregate's version before them.
    version: u64,
}

/// A command that is being decided, without what it asks for.
struct Asked<'r> {
    id: &'r str,
    command: Uuid,
    chosen: bool,
    origin: Origin<'r>,
}

impl<A: Aggregate> Decider<'_, A> {
    /// Decides one command. Its caller is answered when the commits before it and its own are settled;
    /// an answer without a commit, too, waits until it is clear that the state was the newest.
    ///
    /// One whose caller has given up is passed over: the caller may have sent it again on another way,
    /// which may be answered before.
    pub fn take(&mut self, request: Request<A>) {
        if request.caller.has_gone() && holds(Guard::Gone) {
            return;
        }
        let Request {
            id,
            command,
            command_id,
            chosen,
            expected_version,
            mut metadata,
            caller,
        } = request;
        if chosen && let Some(first) = self.state.commands.find(&id, command_id) {
            let first = first.clone();
            return self.repeat(&id, command_id, &first, caller);
        }
        let decided = caller.first(command_id).and_then(|()| {
            let command = command.map_err(|reason| Err(ExecuteError::NotUnderstood(reason)))?;
            self.admit(&id, &command, command_id, &mut metadata)?;
            self.decide(&id, command, command_id, expected_version)
        });
        let none = Metadata::default();
        let asked = Asked {
            id: &id,
            command: command_id,
            chosen,
            origin: Origin {
                command_offset: caller.offset(),
                ..metadata.as_deref().unwrap_or(&none).origin()
            },
        };
        let committed = decided.and_then(|decided| {
            let committed = self.commit(&asked, &decided);
            committed.map_err(Err)
        });
        match committed {
            Ok(receipt) => self.plan(command_id, caller, Ok(receipt), receipt.events),
            Err(answer) => self.answer(&asked, answer, caller),
        }
    }

    /// Lets the middleware look at a command, and say more of it.
    fn admit(
        &self,
        id: &str,
        command: &A::Command,
        command_id: Uuid,
        metadata: &mut Option<Box<Metadata>>,
    ) -> Result<(), Outcome<A::Rejection>> {
        let Some(middleware) = self.middleware else {
            return Ok(());
        };
        let metadata = metadata.get_or_insert_default();
        let mut call = Call {
            id,
            command,
            command_id,
            metadata,
        };
        let admitted = catch_unwind(AssertUnwindSafe(|| middleware.before(&mut call)));
        match admitted {
            Ok(admitted) => admitted.map_err(|denied| Err(ExecuteError::Denied(denied.0))),
            Err(panic) => Err(Err(ExecuteError::Panicked(panic_message(&*panic)))),
        }
    }

    /// What to append; or the answer when there is nothing to append.
    fn decide(
        &self,
        id: &str,
        command: A::Command,
        command_id: Uuid,
        expected: Option<u64>,
    ) -> Result<Decided<A::Event>, Outcome<A::Rejection>> {
        let fresh = Versioned::default();
        let aggregate = self.state.aggregates.get(id).unwrap_or(&fresh);
        let actual = aggregate.version;
        if let Some(expected) = expected.filter(|it| *it != actual && holds(Guard::Expected)) {
            return Err(Err(ExecuteError::Conflict { expected, actual }));
        }
        // `decide` has the state by shared reference: a panic leaves nothing half-done.
        let decided = catch_unwind(AssertUnwindSafe(|| aggregate.state.decide(command)));
        let decided =
            decided.map_err(|panic| Err(ExecuteError::Panicked(panic_message(&*panic))))?;
        match decided {
            Err(rejection) => Err(Err(ExecuteError::Rejected(rejection))),
            Ok(events) if events.is_empty() => Err(Ok(self.nothing(command_id, actual))),
            Ok(events) => Ok(Decided {
                events,
                version: actual,
            }),
        }
    }

    /// Adds a commit to the batch, and takes its events in.
    fn commit(
        &mut self,
        asked: &Asked<'_>,
        decided: &Decided<A::Event>,
    ) -> Result<Receipt, ExecuteError<A::Rejection>> {
        let start = self.records.len();
        let events = match self.encode(asked, decided) {
            Ok(events) => events,
            Err(error) => {
                self.records.truncate(start);
                return Err(error);
            }
        };
        let size = events.len() as u32;
        let version = self.state.apply(asked.id, &events);
        self.keep(start, asked.id, decided.version + 1);
        let receipt = Receipt {
            command: asked.command,
            partition: self.partition,
            sequence: self.writer.planned() + u64::from(size),
            version,
            events: size,
        };
        self.state.commands.remember(asked.id, receipt, None);
        self.state
            .handle(asked.origin.command_offset, asked.command);
        self.stamps.extend(self.writer.stamps(size));
        Ok(receipt)
    }

    /// Keeps the newest records of the batch as the events of an aggregate, where those are kept.
    fn keep(&mut self, start: usize, id: &str, first: u64) {
        let Some(tail) = &mut self.state.tail else {
            return;
        };
        for (record, version) in self.records.iter().skip(start).zip(first..) {
            tail.push(id, version, record.header.unwrap_or_default(), record.value);
        }
    }

    /// Adds the events' records to the batch, and returns the events as every reader will read them.
    ///
    /// An encoding may be coarser than the value (a timestamp in milliseconds): the state takes in
    /// what the log holds, or it would differ after a replay. And what could not be read back must
    /// never reach the log.
    fn encode(
        &mut self,
        asked: &Asked<'_>,
        decided: &Decided<A::Event>,
    ) -> Result<Vec<A::Event>, ExecuteError<A::Rejection>> {
        let stamps = self.writer.stamps(decided.events.len() as u32);
        decided
            .events
            .iter()
            .zip(stamps)
            .map(|(event, stamp)| {
                let version = decided.version + 1 + u64::from(stamp.index);
                let header = self.header(asked, stamp, version);
                self.push(asked.id, &header, event)
            })
            .collect()
    }

    fn header<'r>(&self, asked: &Asked<'r>, stamp: Stamp, version: u64) -> EventHeader<'r> {
        EventHeader {
            stamp,
            version,
            time: self.time,
            command: asked.command,
            origin: asked.origin,
        }
    }

    fn push(
        &mut self,
        id: &str,
        header: &EventHeader<'_>,
        event: &A::Event,
    ) -> Result<A::Event, ExecuteError<A::Rejection>> {
        let start = self.records.byte_len();
        self.records.push_encoded(
            id.as_bytes(),
            |out| Header::Event(*header).encode(out),
            |out| {
                let value = out.len();
                event.encode(out);
                if let Some(framing) = self.framing {
                    framing.reframe(out, value);
                }
            },
        );
        let (bytes, limit) = (self.records.byte_len() - start, self.max_record_bytes);
        if bytes > limit {
            return Err(ExecuteError::TooLarge { bytes, limit });
        }
        let record = self
            .records
            .get(self.records.len() - 1)
            .expect("it was just pushed");
        A::Event::decode(record.value).map_err(|error| ExecuteError::Unreadable(error.into()))
    }

    /// What a command gets that emitted nothing.
    fn nothing(&self, command: Uuid, version: u64) -> Receipt {
        let (partition, sequence) = (self.partition, self.writer.planned());
        Receipt {
            command,
            partition,
            sequence,
            version,
            events: 0,
        }
    }

    /// Answers without events. Where commands are routed, an answer that must stay the same for its id
    /// is written down: the same command may still come through the log, or come again from there.
    fn answer(
        &mut self,
        asked: &Asked<'_>,
        answer: Outcome<A::Rejection>,
        caller: Caller<A::Rejection>,
    ) {
        match self.codec {
            Some(codec)
                if asked.chosen
                    && asked.id.len() < self.max_record_bytes / 2
                    && holds(Guard::Noted) =>
            {
                let (answer, told) = tell(codec, asked.command, answer, self.max_record_bytes);
                let version = self.version(asked.id);
                let receipt = match &answer {
                    Ok(receipt) => *receipt,
                    Err(_) => self.nothing(asked.command, version),
                };
                self.note(asked, version, &told);
                self.state
                    .commands
                    .remember(asked.id, receipt, Some(told.into()));
                self.plan(asked.command, caller, answer, 1);
            }
            _ => {
                let waiting = self.waiting(asked.command, caller, answer);
                match holds(Guard::Newest) {
                    true => self.writer.plan_answer(waiting),
                    false => self.writer.plan(waiting, 0),
                }
            }
        }
    }

    /// Answers a command that came before as it was answered then. One that came through the log leaves
    /// its mark there, as every such command does.
    fn repeat(&mut self, id: &str, command: Uuid, first: &Entry, caller: Caller<A::Rejection>) {
        let answer = self.first_answer(first);
        let Some((offset, codec)) = caller.offset().zip(self.codec) else {
            return self.plan(command, caller, answer, 0);
        };
        let (answer, told) = tell(codec, command, answer, self.max_record_bytes);
        let asked = Asked {
            id,
            command,
            chosen: true,
            origin: Origin {
                command_offset: Some(offset),
                ..Origin::default()
            },
        };
        self.note(&asked, self.version(id), &told);
        self.plan(command, caller, answer, 1);
    }

    fn first_answer(&self, first: &Entry) -> Outcome<A::Rejection> {
        let Entry { receipt, told, .. } = first;
        let Some((told, codec)) = told.as_ref().zip(self.codec) else {
            // That it emitted nothing may have any reason.
            return match receipt.events {
                0 => Err(ExecuteError::NotUnderstood(
                    "it was handled without events before, and why can be read only where commands are routed"
                        .to_owned(),
                )),
                _ => Ok(*receipt),
            };
        };
        match codec.hear(told.as_bytes(), receipt.command) {
            Ok(outcome) => outcome,
            Err(error) => Err(ExecuteError::NotUnderstood(format!(
                "the answer that it got first, {told}, is of another build: {error}"
            ))),
        }
    }

    fn version(&self, id: &str) -> u64 {
        let aggregate = self.state.aggregates.get(id);
        aggregate.map_or(0, |aggregate| aggregate.version)
    }

    /// Adds the record of a command that emitted no event to the batch: a commit of its own.
    fn note(&mut self, asked: &Asked<'_>, version: u64, told: &str) {
        for stamp in self.writer.stamps(1) {
            let mut header = self.header(asked, stamp, version);
            // No one's name is worth a record that the log does not take.
            header.origin.actor = header
                .origin
                .actor
                .filter(|actor| actor.len() < ANSWER_BYTES);
            let header = Header::Handled(header);
            self.records.push_encoded(
                asked.id.as_bytes(),
                |out| header.encode(out),
                |out| Handled { outcome: told }.encode(out),
            );
            self.stamps.push(stamp);
        }
        self.state
            .handle(asked.origin.command_offset, asked.command);
    }

    fn plan(
        &mut self,
        command: Uuid,
        caller: Caller<A::Rejection>,
        answer: Outcome<A::Rejection>,
        size: u32,
    ) {
        let waiting = self.waiting(command, caller, answer);
        self.writer.plan(waiting, size);
    }

    fn waiting(
        &self,
        command: Uuid,
        caller: Caller<A::Rejection>,
        answer: Outcome<A::Rejection>,
    ) -> Waiting<A::Rejection> {
        let watched = self.middleware.map(|_| (command, self.begun));
        Waiting::new(caller, answer, watched)
    }
}

/// What the caller is told, and how it is written down. What cannot be written down is another answer.
fn tell<A: Aggregate>(
    codec: Codec<A>,
    command: Uuid,
    answer: Outcome<A::Rejection>,
    max_record_bytes: usize,
) -> (Outcome<A::Rejection>, String) {
    let limit = ANSWER_BYTES.min(max_record_bytes / 4);
    let instead = match catch_unwind(AssertUnwindSafe(|| (codec.tell)(&answer))) {
        Ok(Ok(told)) if told.len() <= limit => return (answer, told),
        Ok(Ok(told)) => {
            let bytes = told.len();
            ExecuteError::TooLarge { bytes, limit }
        }
        Err(panic) => {
            let message = panic_message(&*panic).chars().take(1000).collect();
            ExecuteError::Panicked(message)
        }
        Ok(Err(error)) => {
            ExecuteError::Panicked(format!("the rejection cannot be written as JSON: {error}"))
        }
    };
    let told = (codec.tell)(&Err(instead)).unwrap_or_default();
    let answer = codec.hear(told.as_bytes(), command);
    let answer = answer.unwrap_or_else(|_| Err(ExecuteError::Fenced));
    (answer, told)
}

pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

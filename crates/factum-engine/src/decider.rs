//! What becomes of a command: decided from the partition's state alone, without I/O.

use std::panic::{AssertUnwindSafe, catch_unwind};

use factum_core::{Aggregate, Event, EventHeader, Header, Origin, Records, Stamp, Writer};
use factum_host::{Guard, holds};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::aggregates::Versioned;
use crate::answer::{Outcome, Waiting};
use crate::state::PartitionState;
use crate::{ExecuteError, Receipt};

/// A command on its way to the owner of its partition.
pub(crate) struct Request<A: Aggregate> {
    pub id: String,
    pub command: A::Command,
    pub command_id: Uuid,
    /// Whether the caller chose the id: nobody can have sent a random one before.
    pub chosen: bool,
    pub expected_version: Option<u64>,
    pub caller: oneshot::Sender<Outcome<A::Rejection>>,
}

/// Decides commands one after the other, and gathers what is to be appended.
pub(crate) struct Decider<'a, A: Aggregate> {
    pub partition: u32,
    pub max_record_bytes: usize,
    /// When these commands are decided, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    pub state: &'a mut PartitionState<A>,
    pub writer: &'a mut Writer<Waiting<A::Rejection>>,
    pub records: Records,
    pub stamps: Vec<Stamp>,
}

/// What a command is to append.
struct Decided<E> {
    /// At least one event.
    events: Vec<E>,
    /// The aggregate's version before them.
    version: u64,
}

impl<A: Aggregate> Decider<'_, A> {
    /// Decides one command. Its caller is answered when the commits before it and its own are settled;
    /// an answer without a commit, too, waits until it is clear that the state was the newest.
    pub fn take(&mut self, request: Request<A>) {
        let Request {
            id,
            command,
            command_id,
            chosen,
            expected_version,
            caller,
        } = request;
        if chosen && let Some(first) = self.state.commands.find(&id, command_id) {
            let answer = Ok(*first);
            return self.writer.plan(Waiting { caller, answer }, 0);
        }
        match self.decide(&id, command, command_id, expected_version) {
            Err(answer) if holds(Guard::Newest) => {
                self.writer.plan_answer(Waiting { caller, answer });
            }
            Err(answer) => self.writer.plan(Waiting { caller, answer }, 0),
            Ok(decided) => self.commit(&id, &decided, command_id, caller),
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

    fn commit(
        &mut self,
        id: &str,
        decided: &Decided<A::Event>,
        command: Uuid,
        caller: oneshot::Sender<Outcome<A::Rejection>>,
    ) {
        let start = self.records.len();
        let events = match self.encode(id, decided, command) {
            Ok(events) => events,
            Err(error) => {
                self.records.truncate(start);
                let answer = Err(error);
                return self.writer.plan_answer(Waiting { caller, answer });
            }
        };
        let (size, before) = (events.len() as u32, self.writer.planned());
        let version = self.state.apply(id, &events);
        let sequence = before + u64::from(size);
        let receipt = Receipt {
            command,
            partition: self.partition,
            sequence,
            version,
            events: size,
        };
        self.state.commands.remember(id, receipt);
        self.stamps.extend(self.writer.stamps(size));
        let answer = Ok(receipt);
        self.writer.plan(Waiting::new(caller, answer), size);
    }

    /// Adds the events' records to the batch, and returns the events as every reader will read them.
    ///
    /// An encoding may be coarser than the value (a timestamp in milliseconds): the state takes in
    /// what the log holds, or it would differ after a replay. And what could not be read back must
    /// never reach the log.
    fn encode(
        &mut self,
        id: &str,
        decided: &Decided<A::Event>,
        command: Uuid,
    ) -> Result<Vec<A::Event>, ExecuteError<A::Rejection>> {
        let stamps = self.writer.stamps(decided.events.len() as u32);
        decided
            .events
            .iter()
            .zip(stamps)
            .map(|(event, stamp)| {
                let header = EventHeader {
                    stamp,
                    version: decided.version + 1 + u64::from(stamp.index),
                    time: self.time,
                    command,
                    origin: Origin::default(),
                };
                self.push(id, &header, event)
            })
            .collect()
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
            |out| event.encode(out),
        );
        let (bytes, limit) = (self.records.byte_len() - start, self.max_record_bytes);
        if bytes > limit {
            return Err(ExecuteError::TooLarge { bytes, limit });
        }
        let record = self
            .records
            .get(self.records.len() - 1)
            .expect("it was just pushed");
        A::Event::decode(record.value).map_err(ExecuteError::Unreadable)
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
}

pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into())
}

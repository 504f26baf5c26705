//! What becomes of a command: decided from the partition's state alone, without I/O.

use factum_core::{Aggregate, Event, EventHeader, Header, Origin, Records, Stamp, Writer};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::answer::{Outcome, Waiting};
use crate::state::{PartitionState, Versioned};
use crate::{ExecuteError, Receipt};

/// A command on its way to the owner of its partition.
pub(crate) struct Request<A: Aggregate> {
    pub id: String,
    pub command: A::Command,
    pub command_id: Uuid,
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

impl<A: Aggregate> Decider<'_, A> {
    /// Decides one command. Its caller is answered when the commits before it and its own are settled.
    pub fn take(&mut self, request: Request<A>) {
        let Request {
            id,
            command,
            command_id,
            expected_version,
            caller,
        } = request;
        match self.decide(&id, command, &command_id, expected_version) {
            Err(answer) => self.writer.plan(Waiting { caller, answer }, 0),
            Ok(events) => self.commit(&id, &events, command_id, caller),
        }
    }

    /// The events to append, at least one; or the answer when there is nothing to append.
    fn decide(
        &self,
        id: &str,
        command: A::Command,
        command_id: &Uuid,
        expected: Option<u64>,
    ) -> Result<Vec<A::Event>, Outcome<A::Rejection>> {
        if let Some(first) = self.state.commands.find(command_id) {
            return Err(Ok(*first));
        }
        let fresh = Versioned::default();
        let aggregate = self.state.aggregates.get(id).unwrap_or(&fresh);
        let actual = aggregate.version;
        if let Some(expected) = expected.filter(|expected| *expected != actual) {
            return Err(Err(ExecuteError::Conflict { expected, actual }));
        }
        match aggregate.state.decide(command) {
            Err(rejection) => Err(Err(ExecuteError::Rejected(rejection))),
            Ok(events) if events.is_empty() => Err(Ok(self.nothing(*command_id, actual))),
            Ok(events) => Ok(events),
        }
    }

    fn commit(
        &mut self,
        id: &str,
        events: &[A::Event],
        command: Uuid,
        caller: oneshot::Sender<Outcome<A::Rejection>>,
    ) {
        if let Err(too_large) = self.encode(id, events, command) {
            return self.writer.plan(
                Waiting {
                    caller,
                    answer: Err(too_large),
                },
                0,
            );
        }
        let (size, before) = (events.len() as u32, self.writer.planned());
        let version = self.state.apply(id, events);
        let sequence = before + u64::from(size);
        let receipt = Receipt {
            command,
            partition: self.partition,
            sequence,
            version,
            events: size,
        };
        self.state.commands.remember(receipt);
        self.stamps.extend(self.writer.stamps(size));
        self.writer.plan(
            Waiting {
                caller,
                answer: Ok(receipt),
            },
            size,
        );
    }

    /// Adds the events' records to the batch, all or none.
    fn encode(
        &mut self,
        id: &str,
        events: &[A::Event],
        command: Uuid,
    ) -> Result<(), ExecuteError<A::Rejection>> {
        let (records, limit) = (self.records.len(), self.max_record_bytes);
        let before = self.state.version(id);
        for (event, stamp) in events.iter().zip(self.writer.stamps(events.len() as u32)) {
            let version = before + 1 + u64::from(stamp.index);
            let header = EventHeader {
                stamp,
                version,
                time: self.time,
                command,
                origin: Origin::default(),
            };
            let start = self.records.byte_len();
            self.records.push_encoded(
                id.as_bytes(),
                |out| Header::Event(header).encode(out),
                |out| event.encode(out),
            );
            let bytes = self.records.byte_len() - start;
            if bytes > limit {
                self.records.truncate(records);
                return Err(ExecuteError::TooLarge { bytes, limit });
            }
        }
        Ok(())
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

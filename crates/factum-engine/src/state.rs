//! The newest state of every aggregate of a partition.

use std::sync::Arc;

use factum_core::{
    Aggregate, Event, Handled, Header, LogError, Offset, Recorded, ValidEvent, ValidRecord,
};
use factum_host::{Guard, holds};
use uuid::Uuid;

use crate::Receipt;
use crate::aggregates::Aggregates;
use crate::checkpoints::{Codec, Encode};
use crate::history::{Groups, Tail};
use crate::mark::Mark;
use crate::store::{Store, StoreError};
use crate::window::CommandWindow;

/// The aggregates of one partition, with commits that are still under way, and the newest commands.
///
/// Its size grows with the number of aggregates, not with the number of events; where memory is
/// bounded, with neither.
pub(crate) struct PartitionState<A> {
    pub aggregates: Aggregates<A>,
    pub commands: CommandWindow,
    /// The events that no checkpoint has yet, where those are kept.
    pub tail: Option<Tail>,
    /// How far the topic of commands was handled.
    pub handled: Mark,
    /// Events replayed so far.
    pub replayed: u64,
    /// Whether an event did not follow the version that its aggregate had: the state from which the
    /// replay went on was not that of this log.
    pub misfit: bool,
}

impl<A: Aggregate> PartitionState<A> {
    /// The state before the first event. With `encode`, changes are noted for checkpoints.
    pub fn new(command_window: usize, encode: Option<Encode<A>>) -> Self {
        Self {
            aggregates: Aggregates::none(encode),
            commands: CommandWindow::new(command_window),
            tail: None,
            handled: Mark::default(),
            replayed: 0,
            misfit: false,
        }
    }

    /// The state that a checkpoint has: `all` of it in memory, or none of the aggregates yet. Blocks.
    pub fn stored(
        store: &Store,
        codec: Codec<A>,
        command_window: usize,
        all: bool,
    ) -> Result<Self, StoreError> {
        let mut stored = store.commands()?;
        if !holds(Guard::Remembered) {
            stored.first += stored.entries.drain(..).len() as u64;
        }
        let mut aggregates = Aggregates::none(Some(codec.encode)).weighed_by(codec.weigh);
        if all {
            store.read_all(|id, version, bytes| {
                let state = (codec.decode)(bytes);
                let state = state.ok_or(StoreError::Unfit("a state cannot be read"))?;
                aggregates.insert_stored(id.into(), version, state);
                Ok(())
            })?;
        } else {
            aggregates = Aggregates::elsewhere(codec.encode).weighed_by(codec.weigh);
        }
        Ok(Self {
            aggregates,
            commands: CommandWindow::resume(command_window, stored.first, stored.entries),
            tail: None,
            handled: stored.handled,
            replayed: 0,
            misfit: false,
        })
    }

    /// The state with events kept, or without.
    pub fn keeping_events(self, history: bool) -> Self {
        let tail = history.then(Tail::default);
        Self { tail, ..self }
    }

    /// About how many bytes changed since the last snapshot; 0 if nothing did.
    pub fn changed_bytes(&self) -> usize {
        self.aggregates.changed_bytes() + self.tail.as_ref().map_or(0, Tail::bytes)
    }

    /// Begins a snapshot of what changed since the last one, which must be stored: all before a sequence.
    /// Returns the events of it, where those are kept.
    pub fn begin_snapshot(&mut self, next: u64) -> Option<Arc<Groups>> {
        self.aggregates.begin_snapshot();
        let tail = self.tail.as_mut();
        tail.map(|tail| tail.begin_snapshot(next))
    }

    /// Takes note of whether the snapshot was stored.
    pub fn noted(&mut self, saved: bool) {
        match saved {
            true => self.aggregates.saved(),
            false => self.aggregates.not_saved(),
        }
        match &mut self.tail {
            Some(tail) if saved => tail.saved(),
            Some(tail) => tail.not_saved(),
            None => {}
        }
    }

    /// Takes in a valid record of the log.
    pub fn replay(&mut self, topic: &str, valid: &ValidRecord<'_>) -> Result<(), LogError> {
        match valid {
            ValidRecord::Event(event) => self.replay_event(topic, event),
            ValidRecord::Handled(handled) => {
                self.replay_handled(handled);
                Ok(())
            }
        }
    }

    /// Takes note that a command of the topic of commands is being handled.
    pub fn handle(&mut self, offset: Option<Offset>, command: Uuid) {
        if let Some(offset) = offset {
            self.handled.pass(offset, command);
        }
    }

    fn replay_offset(&mut self, offset: Option<Offset>, command: Uuid) {
        self.handle(offset.filter(|_| holds(Guard::Handled)), command);
    }

    fn replay_handled(&mut self, valid: &ValidEvent<'_>) {
        let header = &valid.header;
        self.replay_offset(header.origin.command_offset, header.command);
        if self.commands.find(valid.key, header.command).is_none() {
            let told = Handled::decode(valid.value).map(|handled| handled.outcome.into());
            let receipt = Receipt {
                command: header.command,
                partition: valid.partition,
                sequence: header.stamp.sequence,
                version: header.version,
                events: 0,
            };
            self.commands.remember(valid.key, receipt, told);
        }
    }

    fn replay_event(&mut self, topic: &str, valid: &ValidEvent<'_>) -> Result<(), LogError> {
        let recorded = Recorded::<A::Event>::decode(topic, valid)?;
        let stamp = valid.header.stamp;
        let version = self.apply(&recorded.id, [&recorded.event]);
        self.misfit |= version != recorded.version;
        if let Some(tail) = &mut self.tail {
            tail.places.note(valid.header.stamp.sequence, valid.offset);
            let mut header = Vec::new();
            Header::Event(valid.header).encode(&mut header);
            tail.push(&recorded.id, recorded.version, &header, valid.value);
        }
        self.replayed += 1;
        if stamp.index + 1 == stamp.size {
            let receipt = Receipt {
                command: recorded.command,
                partition: recorded.partition,
                sequence: stamp.sequence,
                version: recorded.version,
                events: stamp.size,
            };
            self.replay_offset(valid.header.origin.command_offset, recorded.command);
            let known = self.commands.find(&recorded.id, receipt.command);
            if known.is_none() && holds(Guard::Replayed) {
                self.commands.remember(&recorded.id, receipt, None);
            }
        }
        Ok(())
    }

    /// Changes an aggregate by its events, and returns its version.
    pub fn apply<'e>(&mut self, id: &str, events: impl IntoIterator<Item = &'e A::Event>) -> u64
    where
        A::Event: 'e + Event,
    {
        self.aggregates.apply(id, events)
    }
}

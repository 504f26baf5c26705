//! The newest state of every aggregate of a partition.

use compact_str::CompactString;
use factum_core::{Aggregate, Event, LogError, Recorded, ValidEvent};
use rustc_hash::FxHashMap;

use crate::Receipt;
use crate::window::CommandWindow;

/// All aggregates of one partition, with commits that are still under way, and the newest commands.
///
/// Its size grows with the number of aggregates, not with the number of events.
pub(crate) struct PartitionState<A> {
    /// By id; short ids lie in the map itself.
    pub aggregates: FxHashMap<CompactString, Versioned<A>>,
    pub commands: CommandWindow,
    /// Events replayed so far.
    pub replayed: u64,
}

/// An aggregate and its version: how many events it has emitted.
#[derive(Default)]
pub(crate) struct Versioned<A> {
    pub version: u64,
    pub state: A,
}

impl<A: Aggregate> PartitionState<A> {
    pub fn new(command_window: usize) -> Self {
        Self {
            aggregates: FxHashMap::default(),
            commands: CommandWindow::new(command_window),
            replayed: 0,
        }
    }

    /// Takes in an event from the log.
    pub fn replay(&mut self, topic: &str, valid: &ValidEvent<'_>) -> Result<(), LogError> {
        let recorded = Recorded::<A::Event>::decode(topic, valid)?;
        let stamp = valid.header.stamp;
        self.apply(&recorded.id, [&recorded.event]);
        self.replayed += 1;
        if stamp.index + 1 == stamp.size {
            let receipt = Receipt {
                command: recorded.command,
                partition: recorded.partition,
                sequence: stamp.sequence,
                version: recorded.version,
                events: stamp.size,
            };
            if self.commands.find(&recorded.id, receipt.command).is_none() {
                self.commands.remember(&recorded.id, receipt);
            }
        }
        Ok(())
    }

    /// Changes an aggregate by its events, and returns its version.
    pub fn apply<'e>(&mut self, id: &str, events: impl IntoIterator<Item = &'e A::Event>) -> u64
    where
        A::Event: 'e + Event,
    {
        if let Some(aggregate) = self.aggregates.get_mut(id) {
            return aggregate.apply(events);
        }
        let mut aggregate = Versioned::default();
        let version = aggregate.apply(events);
        self.aggregates.insert(id.into(), aggregate);
        version
    }
}

impl<A: Aggregate> Versioned<A> {
    fn apply<'e>(&mut self, events: impl IntoIterator<Item = &'e A::Event>) -> u64
    where
        A::Event: 'e,
    {
        for event in events {
            self.state.apply(event);
            self.version += 1;
        }
        self.version
    }
}

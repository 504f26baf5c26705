//! The newest state of every aggregate of a partition.

use factum_core::{Aggregate, Event, LogError, Recorded, ValidEvent};
use rustc_hash::FxHashMap;

use crate::Receipt;
use crate::window::CommandWindow;

/// All aggregates of one partition, with commits that are still under way, and the newest commands.
///
/// Its size grows with the number of aggregates, not with the number of events.
pub(crate) struct PartitionState<A> {
    pub aggregates: FxHashMap<String, Versioned<A>>,
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
            self.commands.remember(&recorded.id, receipt);
        }
        Ok(())
    }

    /// The version of an aggregate, 0 if it has no events.
    pub fn version(&self, id: &str) -> u64 {
        self.aggregates
            .get(id)
            .map_or(0, |aggregate| aggregate.version)
    }

    /// Changes an aggregate by its events, and returns its version.
    pub fn apply<'e>(&mut self, id: &str, events: impl IntoIterator<Item = &'e A::Event>) -> u64
    where
        A::Event: 'e + Event,
    {
        if !self.aggregates.contains_key(id) {
            self.aggregates.insert(id.to_owned(), Versioned::default());
        }
        let aggregate = self.aggregates.get_mut(id).expect("it was just there");
        for event in events {
            aggregate.state.apply(event);
            aggregate.version += 1;
        }
        aggregate.version
    }
}

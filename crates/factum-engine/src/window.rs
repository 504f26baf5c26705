//! The newest commands of a partition, to recognise one that comes again.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;
use uuid::Uuid;

use crate::Receipt;

/// Remembers the receipts of a bounded number of commands, newest first to stay.
///
/// The index lags behind: it takes in what came since when a command is looked for. Where callers
/// leave their ids to the engine, nobody ever looks, and a command costs no more than its place in
/// the queue.
#[derive(Debug)]
pub(crate) struct CommandWindow {
    capacity: usize,
    newest: VecDeque<Entry>,
    /// How many commands came before those that are remembered.
    forgotten: u64,
    /// How many commands were taken into the index, of all that ever came.
    indexed: u64,
    /// The numbers of commands, counted from the first that ever came.
    index: HashTable<u64>,
}

/// A command of an aggregate: the same id may be used for one command to each of several aggregates.
/// A hash stands for the aggregate, so that a command costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub aggregate: u64,
    pub receipt: Receipt,
    /// What the caller was told as JSON, where that is not the receipt.
    pub told: Option<Box<str>>,
}

impl Entry {
    fn hash(&self) -> u64 {
        hash(self.aggregate, self.receipt.command)
    }

    fn is(&self, aggregate: u64, command: Uuid) -> bool {
        (self.aggregate, self.receipt.command) == (aggregate, command)
    }
}

/// What stands for an aggregate. Another version of the hash's crate may give another number.
pub(crate) fn aggregate_hash(id: &str) -> u64 {
    FxBuildHasher.hash_one(id)
}

fn hash(aggregate: u64, command: Uuid) -> u64 {
    FxBuildHasher.hash_one((aggregate, command.as_u128()))
}

impl CommandWindow {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            newest: VecDeque::new(),
            forgotten: 0,
            indexed: 0,
            index: HashTable::new(),
        }
    }

    /// A window that goes on from another one: the number of its first command, and its commands.
    pub fn resume(capacity: usize, first: u64, commands: impl IntoIterator<Item = Entry>) -> Self {
        let mut window = Self {
            forgotten: first,
            indexed: first,
            ..Self::new(capacity)
        };
        for entry in commands {
            window.push(entry);
        }
        window
    }

    /// The numbers of the commands that are remembered, counted from the first that ever came.
    pub fn numbers(&self) -> std::ops::Range<u64> {
        self.forgotten..self.forgotten + self.newest.len() as u64
    }

    /// The commands from a number on that are remembered.
    pub fn since(&self, number: u64) -> impl ExactSizeIterator<Item = &Entry> {
        let known = number.clamp(self.forgotten, self.numbers().end) - self.forgotten;
        self.newest.range(known as usize..)
    }

    /// How many commands are remembered.
    pub fn len(&self) -> usize {
        self.newest.len()
    }

    pub fn find(&mut self, aggregate: &str, command: Uuid) -> Option<&Entry> {
        self.catch_up();
        let aggregate = aggregate_hash(aggregate);
        let at = |number: u64| &self.newest[(number - self.forgotten) as usize];
        let same = |number: &u64| at(*number).is(aggregate, command);
        let number = self.index.find(hash(aggregate, command), same)?;
        Some(at(*number))
    }

    /// Remembers a command that is not in the window; the oldest one is forgotten when there is no
    /// room.
    pub fn remember(&mut self, aggregate: &str, receipt: Receipt, told: Option<Box<str>>) {
        let aggregate = aggregate_hash(aggregate);
        self.push(Entry {
            aggregate,
            receipt,
            told,
        });
    }

    fn push(&mut self, entry: Entry) {
        self.newest.push_back(entry);
        if self.newest.len() > self.capacity {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.newest.pop_front() else {
            return;
        };
        let number = self.forgotten;
        self.forgotten += 1;
        if number < self.indexed
            && let Ok(found) = self.index.find_entry(oldest.hash(), |it| *it == number)
        {
            found.remove();
        }
    }

    /// Takes what came since into the index.
    fn catch_up(&mut self) {
        let from = self.indexed.max(self.forgotten);
        self.indexed = self.forgotten + self.newest.len() as u64;
        let hash = |number: u64| self.newest[(number - self.forgotten) as usize].hash();
        for number in from..self.indexed {
            self.index
                .insert_unique(hash(number), number, |it| hash(*it));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receipt(command: u128) -> Receipt {
        let command = Uuid::from_u128(command);
        Receipt {
            command,
            partition: 0,
            sequence: 1,
            version: 1,
            events: 1,
        }
    }

    #[test]
    fn an_id_may_be_used_for_several_aggregates() {
        let mut window = CommandWindow::new(2);
        window.remember("a", receipt(1), None);
        assert!(window.find("a", Uuid::from_u128(1)).is_some());
        assert!(window.find("b", Uuid::from_u128(1)).is_none());
    }

    proptest! {
        /// Whatever comes, the window holds just the newest commands.
        #[test]
        fn the_newest_commands_stay(capacity in 0_usize..6, commands in prop::collection::vec((0..12_u128, any::<bool>()), 0..100)) {
            let mut window = CommandWindow::new(capacity);
            let mut newest = VecDeque::new();
            for (command, looked_for) in commands {
                if !newest.contains(&command) {
                    window.remember("a", receipt(command), None);
                    newest.push_back(command);
                    if newest.len() > capacity {
                        newest.pop_front();
                    }
                }
                for id in (0..12).filter(|_| looked_for) {
                    let found = window.find("a", Uuid::from_u128(id));
                    prop_assert_eq!(found.map(|it| it.receipt), newest.contains(&id).then(|| receipt(id)));
                }
            }
        }
    }
}

//! The newest commands of a partition, to recognise one that comes again.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use rustc_hash::{FxBuildHasher, FxHashMap};
use uuid::Uuid;

use crate::Receipt;

/// Remembers the receipts of a bounded number of commands, newest first to stay.
#[derive(Debug)]
pub(crate) struct CommandWindow {
    capacity: usize,
    order: VecDeque<Key>,
    receipts: FxHashMap<Key, Receipt>,
}

/// A command of an aggregate: the same id may be used for one command to each of several aggregates.
/// A hash stands for the aggregate, so that a command costs no allocation.
type Key = (Uuid, u64);

fn key(aggregate: &str, command: Uuid) -> Key {
    (command, FxBuildHasher.hash_one(aggregate))
}

impl CommandWindow {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            order: VecDeque::new(),
            receipts: FxHashMap::default(),
        }
    }

    pub fn find(&self, aggregate: &str, command: Uuid) -> Option<&Receipt> {
        self.receipts.get(&key(aggregate, command))
    }

    /// Remembers a command; the oldest one is forgotten when there is no room.
    pub fn remember(&mut self, aggregate: &str, receipt: Receipt) {
        let key = key(aggregate, receipt.command);
        if self.capacity == 0 || self.receipts.insert(key, receipt).is_some() {
            return;
        }
        self.order.push_back(key);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.receipts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
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
    fn the_oldest_command_is_forgotten() {
        let mut window = CommandWindow::new(2);
        for command in [1, 2, 2, 3] {
            window.remember("a", receipt(command));
        }
        let found = [1, 2, 3].map(|command| window.find("a", Uuid::from_u128(command)).is_some());
        assert_eq!(found, [false, true, true]);
    }

    #[test]
    fn an_id_may_be_used_for_several_aggregates() {
        let mut window = CommandWindow::new(2);
        window.remember("a", receipt(1));
        assert!(window.find("a", Uuid::from_u128(1)).is_some());
        assert!(window.find("b", Uuid::from_u128(1)).is_none());
    }

    #[test]
    fn a_window_of_none_remembers_none() {
        let mut window = CommandWindow::new(0);
        window.remember("a", receipt(1));
        assert!(window.find("a", Uuid::from_u128(1)).is_none());
    }
}

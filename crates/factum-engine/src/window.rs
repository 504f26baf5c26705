//! The newest commands of a partition, to recognise one that comes again.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::Receipt;

/// Remembers the receipts of a bounded number of commands, newest first to stay.
#[derive(Debug)]
pub(crate) struct CommandWindow {
    capacity: usize,
    order: VecDeque<Uuid>,
    receipts: FxHashMap<Uuid, Receipt>,
}

impl CommandWindow {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            order: VecDeque::new(),
            receipts: FxHashMap::default(),
        }
    }

    pub fn find(&self, command: &Uuid) -> Option<&Receipt> {
        self.receipts.get(command)
    }

    /// Remembers a command; the oldest one is forgotten when there is no room.
    pub fn remember(&mut self, receipt: Receipt) {
        if self.capacity == 0 || self.receipts.insert(receipt.command, receipt).is_some() {
            return;
        }
        self.order.push_back(receipt.command);
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
            window.remember(receipt(command));
        }
        let found = [1, 2, 3].map(|command| window.find(&Uuid::from_u128(command)).is_some());
        assert_eq!(found, [false, true, true]);
    }

    #[test]
    fn a_window_of_none_remembers_none() {
        let mut window = CommandWindow::new(0);
        window.remember(receipt(1));
        assert!(window.find(&Uuid::from_u128(1)).is_none());
    }
}

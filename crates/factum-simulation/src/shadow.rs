//! What the rows must be, by the positions: the fold of the log up to there, made from the log itself.

use std::collections::BTreeMap;

use factum_core::{CommitReader, Fetched, Position, Recorded};
use factum_projector::Fold;

use crate::account::Moved;
use crate::board::{Board, Line};
use crate::flaw::soundly;
use crate::world::World;

/// The rows that must be there.
#[derive(Default)]
pub(crate) struct Shadow {
    rows: BTreeMap<String, Line>,
    /// A position that nobody can have reached.
    strange: Option<String>,
}

impl Shadow {
    /// Takes in what stands between two positions.
    pub(crate) fn pass(&mut self, world: &World, partition: u32, from: Position, to: Position) {
        soundly(world.flaw(), || {
            self.pass_soundly(world, partition, from, to)
        });
    }

    fn pass_soundly(&mut self, world: &World, partition: u32, from: Position, to: Position) {
        let mut fetched = Fetched::new(partition, from.offset);
        let count = {
            let state = world.state();
            let records = &state.events()[partition as usize];
            let (start, end) = (from.offset as usize, to.offset as usize);
            for (offset, record) in (from.offset..).zip(records.get(start..end).unwrap_or(&[])) {
                fetched.push(offset, record.get(0).expect("one a batch"));
            }
            state.events().len() as u32
        };
        let mut reader = CommitReader::new("log", partition, count, from);
        let read = reader.read(&fetched, |event| {
            let event = Recorded::<Moved>::decode("log", event)?;
            if let Some(key) = Board.key(&event) {
                let row = self.rows.remove(&key);
                self.rows
                    .extend(Board.fold(row, &event).map(|row| (key, row)));
            }
            Ok(())
        });
        if read.is_err() || (reader.position().next, reader.position().epoch) != (to.next, to.epoch)
        {
            let found = reader.position();
            let strange = format!("{partition} is at {to:?}, the log says {found:?}");
            self.strange.get_or_insert(strange);
        }
    }

    /// The first difference between these rows and those that there are.
    pub(crate) fn difference(&self, rows: &BTreeMap<String, Line>) -> Option<String> {
        if self.strange.is_some() {
            return self.strange.clone();
        }
        if *rows == self.rows {
            return None;
        }
        let keys = rows.keys().chain(self.rows.keys());
        let mut different = keys.filter(|key| rows.get(*key) != self.rows.get(*key));
        let key = different.next()?;
        let (found, expected) = (rows.get(key), self.rows.get(key));
        Some(format!("row {key} is {found:?}, the log says {expected:?}"))
    }
}

//! What a checkpoint consists of, and when it may be stored.

use std::sync::Arc;

use compact_str::CompactString;
use factum_core::{Position, ReaderRule};
use factum_host::{Guard, holds};

use crate::history::{Groups, Places};
use crate::mark::Mark;
use crate::window::Entry;

/// A partition's changes since the last checkpoint, as they were at one place of the log.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Where reading goes on from it.
    pub position: Position,
    pub states: Arc<States>,
    pub commands: NewCommands,
    /// The events since the last one, where they are kept.
    pub events: Option<Arc<Groups>>,
    /// Where those stand: known when they are facts.
    pub places: Places,
}

/// States that changed, as they are to be stored.
#[derive(Debug, Default)]
pub(crate) struct States {
    bytes: Vec<u8>,
    /// Each state's aggregate, and where its bytes end.
    ends: Vec<(CompactString, usize)>,
}

/// Commands that came since the last checkpoint.
#[derive(Debug, Default)]
pub(crate) struct NewCommands {
    /// The number of the first one.
    pub first: u64,
    pub entries: Vec<Entry>,
    /// The number of the oldest command that is to be remembered.
    pub oldest: u64,
    /// How far the topic of commands was handled.
    pub handled: Mark,
}

impl States {
    /// Adds a state, whose bytes `encode` appends; drops what it appended if it fails.
    pub fn push<E>(
        &mut self,
        id: &str,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let start = self.bytes.len();
        if let Err(error) = encode(&mut self.bytes) {
            self.bytes.truncate(start);
            return Err(error);
        }
        self.ends.push((id.into(), self.bytes.len()));
        Ok(self.bytes.len() - start)
    }

    pub fn ids(&self) -> impl ExactSizeIterator<Item = &CompactString> {
        self.ends.iter().map(|(id, _)| id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let starts = std::iter::once(0).chain(self.ends.iter().map(|(_, end)| *end));
        let states = self.ends.iter().zip(starts);
        states.map(|((id, end), start)| (id.as_str(), &self.bytes[start..*end]))
    }
}

/// Holds what is speculative until it is fact, or void.
///
/// A snapshot of the newest state includes commits that are under way. It is a fact once the reader
/// rule, still in the epoch under which they were planned, has passed the last of them: an epoch's
/// events are its owner's, each sequence once. Whatever else happens, it is thrown away.
#[derive(Debug)]
pub(crate) struct Hold<T> {
    held: Option<(Position, T)>,
}

impl<T> Hold<T> {
    pub const EMPTY: Self = Self { held: None };

    pub fn is_empty(&self) -> bool {
        self.held.is_none()
    }

    /// Holds what is true once everything before the position's next sequence is valid.
    pub fn put(&mut self, position: Position, snapshot: T) {
        self.held = Some((position, snapshot));
    }

    /// What has become fact, by what is known of the log.
    pub fn release(&mut self, known: &ReaderRule) -> Option<(Position, T)> {
        let is_fact = |(position, _): &mut (Position, T)| {
            let passed = known.epoch() == position.epoch && known.next() >= position.next;
            passed || !holds(Guard::Facts)
        };
        self.held.take_if(is_fact)
    }

    /// Throws away what is held: its owner is superseded, or has to claim again.
    pub fn void(&mut self) {
        self.held = None;
    }
}

#[cfg(test)]
mod tests;

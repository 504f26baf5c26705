//! One aggregate, any time: its events, kept beside its state in the local checkpoint, and the states
//! that they lead to.
//!
//! A partition holds the events of many aggregates, and a log reads by offset, not by key. So the owner
//! keeps each event a second time, under its aggregate's id and version: in memory until the next
//! checkpoint, which takes it in together with the state. What is read there are facts, by the same
//! reader rule that made the state; the log is not asked.

mod archive;
mod ask;
mod chunk;
mod error;
mod lookup;
mod places;
mod tail;

pub use ask::{At, HistoryPage, Past};
pub use error::HistoryError;

pub(crate) use archive::archive;
pub(crate) use chunk::{chunks, kept};
pub(crate) use lookup::{AT_ONCE, Asking, Lookup, NotHere, look_up};
pub(crate) use places::Places;
pub(crate) use tail::{Groups, Tail};

use factum_core::Offset;

/// A record of an event, as it is kept: where it stands, and its parts in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub offset: Offset,
    pub version: u64,
    pub header: Vec<u8>,
    pub value: Vec<u8>,
}

/// The size at which a page of events ends.
const PAGE_BYTES: usize = 4 << 20;

/// Events of one aggregate that follow each other: a page at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub events: Vec<Kept>,
    /// Whether there may be more behind them.
    pub more: bool,
    bytes: usize,
}

impl Run {
    /// Whether nothing is to be added to it, where so many events are asked for at most.
    pub fn is_full(&self, limit: usize) -> bool {
        self.events.len() >= limit || self.bytes >= PAGE_BYTES
    }

    /// Adds the event that follows.
    pub fn push(&mut self, kept: Kept) {
        self.bytes += kept.header.len() + kept.value.len();
        self.events.push(kept);
    }
}

/// What is asked for of one aggregate: some of its events from a version on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The first version.
    pub from: u64,
    /// How many events at most.
    pub limit: usize,
}

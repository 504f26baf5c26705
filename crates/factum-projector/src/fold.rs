//! What a projection's author writes.

use factum_core::{Event, Recorded};

use crate::Row;

/// The key of the rows of a projection.
pub type Key<F> = <<F as Fold>::Row as Row>::Key;

/// A read model that is a fold: each event changes at most one row, found by its key.
///
/// Both functions are pure: the same events give the same rows, however they are cut into batches
/// and however often a worker starts again. The runtime reads and writes the rows.
///
/// Events of one partition, and so of one aggregate, are folded in order. Those of different
/// partitions meet in any order: a row that several partitions feed is the same each time only if
/// its fold is commutative, as sums, counts and maxima are.
pub trait Fold: Send + Sync + 'static {
    /// The events it is made of.
    type Event: Event;
    /// One row of it.
    type Row: Row;

    /// Its name, in snake case. Its position is kept under this name.
    const NAME: &'static str;
    /// Its version. A new version starts at the first event, with a table of its own.
    const VERSION: u32 = 1;

    /// The key of the row that an event changes; `None` where it changes none.
    fn key(&self, event: &Recorded<Self::Event>) -> Option<Key<Self>>;

    /// The row after the event; `None` where there is to be none. `row` is the row before it.
    /// The row's own key must be the event's.
    fn fold(&self, row: Option<Self::Row>, event: &Recorded<Self::Event>) -> Option<Self::Row>;
}

//! Read models that are folds: what their authors write.

use factum_core::Recorded;

use crate::{Events, KeyedRow, Row};

/// A read model that is a fold: each event changes at most one row, found by its key.
///
/// Both functions are pure: the same events give the same rows, however they are cut into batches
/// and however often a worker starts again. The runtime reads and writes the rows.
///
/// Events of one partition, and so of one aggregate, are folded in order. Those of different
/// partitions meet in any order: a row that several partitions feed is the same each time only if
/// its fold is commutative, as sums, counts and maxima are.
///
/// Where an event changes several rows, see [`MultiFold`].
pub trait Fold: Send + Sync + 'static {
    /// The events it is made of.
    type Event: Events;
    /// One row of it.
    type Row: KeyedRow;

    /// Its name, in snake case. Its position is kept under this name.
    const NAME: &'static str;
    /// Its version. A new version starts at the first event, with a table of its own.
    const VERSION: u32 = 1;

    /// The key of the row that an event changes; `None` where it changes none.
    fn key(&self, event: &Recorded<Self::Event>) -> Option<<Self::Row as Row>::Key>;

    /// The row after the event; `None` where there is to be none. `row` is the row before it.
    /// The row's own key must be the event's.
    fn fold(&self, row: Option<Self::Row>, event: &Recorded<Self::Event>) -> Option<Self::Row>;
}

/// A [`Fold`] in which an event may change several rows of the table, as a transfer changes two accounts.
///
/// The rows that an event changes are written in one transaction: all of them change, or none. Each is
/// folded by itself, from the event and the row before it, and sees no other row.
pub trait MultiFold: Send + Sync + 'static {
    /// The events it is made of.
    type Event: Events;
    /// One row of it.
    type Row: KeyedRow;

    /// Its name, in snake case. Its position is kept under this name.
    const NAME: &'static str;
    /// Its version. A new version starts at the first event, with a table of its own.
    const VERSION: u32 = 1;

    /// The keys of the rows that an event changes, in any order. They are a set: a row whose key is named
    /// twice, as by a transfer from an account to itself, is folded once.
    fn keys(
        &self,
        event: &Recorded<Self::Event>,
    ) -> impl IntoIterator<Item = <Self::Row as Row>::Key>;

    /// The row of `key` after the event; `None` where there is to be none. `row` is the row before it.
    /// The row's own key must be `key`, which is one of the event's.
    fn fold(
        &self,
        key: &<Self::Row as Row>::Key,
        row: Option<Self::Row>,
        event: &Recorded<Self::Event>,
    ) -> Option<Self::Row>;
}

impl<F: Fold> MultiFold for F {
    type Event = F::Event;
    type Row = F::Row;
    const NAME: &'static str = F::NAME;
    const VERSION: u32 = F::VERSION;

    fn keys(
        &self,
        event: &Recorded<Self::Event>,
    ) -> impl IntoIterator<Item = <Self::Row as Row>::Key> {
        self.key(event)
    }

    fn fold(
        &self,
        _: &<Self::Row as Row>::Key,
        row: Option<Self::Row>,
        event: &Recorded<Self::Event>,
    ) -> Option<Self::Row> {
        Fold::fold(self, row, event)
    }
}

//! Read models that only grow: what their authors write, and how their rows are gathered.

use factum_core::Recorded;

use crate::projection::{Key, Rows};
use crate::rows::Unwritten;
use crate::{Changes, Events, KeyError, Projection, Row};

/// A read model that only grows: an event becomes rows, which never change. An audit log is one, and so is
/// an activity feed.
///
/// Nothing is read and no row is locked: rows go into the table by binary COPY, in the transaction that moves
/// the positions, so each is there once. That needs no key: a row type may go without one, and then the table
/// needs no unique index. Columns that the row does not have take their defaults, among them identity columns.
///
/// Rows of one partition are copied in the order of its events; those of different partitions, and so of
/// different workers, are mixed. An identity column therefore tells rows apart, but readers who go on from
/// the highest value they saw miss rows of transactions that commit later: let them go by a partition and
/// its sequence, kept as columns.
pub trait Append: Send + Sync + 'static {
    /// The events it is made of.
    type Event: Events;
    /// One row of it.
    type Row: Row;

    /// Its name, in snake case. Its position is kept under this name.
    const NAME: &'static str;
    /// Its version. A new version starts at the first event, with a table of its own.
    const VERSION: u32 = 1;

    /// The rows that an event becomes, in order; none where the read model does not show it. Pure: the
    /// same event becomes the same rows each time.
    fn rows(&self, event: &Recorded<Self::Event>) -> impl IntoIterator<Item = Self::Row>;
}

/// An [`Append`] as a projection.
#[derive(Clone, Copy, Debug)]
pub struct Appended<A>(pub(crate) A);

impl<A: Append> Projection for Appended<A> {
    type Event = A::Event;
    type Row = A::Row;
    type Rows = NewRows<A>;
    const NAME: &'static str = A::NAME;
    const VERSION: u32 = A::VERSION;
}

/// Rows that the table does not hold yet.
pub struct NewRows<A: Append>(Vec<A::Row>);

impl<A: Append> Default for NewRows<A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// No row is looked for, so none is touched, missing or loaded.
impl<A: Append> Rows<Appended<A>> for NewRows<A> {
    type Touched = ();

    fn touch(&mut self, _: &Appended<A>, _: &[Recorded<A::Event>]) {}

    fn missing(&self, (): &()) -> Vec<&Key<Appended<A>>> {
        Vec::new()
    }

    fn load(&mut self, _: Vec<A::Row>, (): &()) -> Result<(), KeyError> {
        Ok(())
    }

    fn fold(
        &mut self,
        append: &Appended<A>,
        events: &[Recorded<A::Event>],
        (): &(),
    ) -> Result<(), KeyError> {
        let rows = events.iter().flat_map(|event| append.0.rows(event));
        self.0.extend(rows);
        Ok(())
    }

    fn unwritten(&self) -> Unwritten<'_, A::Row> {
        Unwritten {
            insert: self.0.iter().collect(),
            ..Unwritten::nothing()
        }
    }

    fn new_keys(&self) -> impl Iterator<Item = &Key<Appended<A>>> {
        std::iter::empty()
    }

    fn written(&mut self) {
        self.0.clear();
    }

    fn changed(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self, each: usize) -> usize {
        self.0.capacity() * size_of::<A::Row>() + self.0.len() * each
    }

    /// None are kept, but their room is.
    fn forget_written(&mut self) {
        self.0.shrink_to(2 * self.0.len());
    }

    fn into_changes(self) -> Changes<A::Row> {
        Changes {
            insert: self.0,
            ..Changes::nothing()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::tests::{Shelf, Stock, recorded, shelf};

    struct Arrivals;

    impl Append for Arrivals {
        type Event = Stock;
        type Row = Shelf;
        const NAME: &'static str = "arrivals";

        fn rows(&self, event: &Recorded<Stock>) -> impl IntoIterator<Item = Shelf> {
            match event.event {
                Stock::Came(pieces) => Some(shelf(&event.id, pieces)),
                _ => None,
            }
        }
    }

    /// A worker that catches up for long writes now and then, and goes on.
    #[test]
    fn what_is_written_is_not_written_again() {
        let mut rows = NewRows::<Arrivals>::default();
        for pieces in 1..4 {
            let events = recorded(&[("a", Stock::Came(pieces)), ("b", Stock::Counted)]);
            rows.fold(&Appended(Arrivals), &events, &()).unwrap();
            assert_eq!(rows.unwritten().insert, [&shelf("a", pieces)]);
            rows.written();
        }
    }

    /// Else each later batch would be written by itself, as if there were no room for more.
    #[test]
    fn room_for_many_rows_is_given_back_once_they_are_written() {
        let mut rows = NewRows::<Arrivals>::default();
        let events = recorded(&[const { ("a", Stock::Came(1)) }; 1000]);
        rows.fold(&Appended(Arrivals), &events, &()).unwrap();
        rows.written();
        rows.forget_written();
        assert_eq!(rows.bytes(100), 0);
    }
}

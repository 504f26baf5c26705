//! Folding events in memory: events and the rows they touch in, changed rows out.
//!
//! Pure, so that a projection is tested in microseconds, without a database.

use factum_core::Recorded;

use crate::projection::{Key, Rows};
use crate::{Projection, Row};

/// What a batch of events does to a table, in the order of the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<R: Row> {
    /// Rows that were not there before.
    pub insert: Vec<R>,
    /// Rows that were there, as they are now.
    pub update: Vec<R>,
    /// Keys of rows that are to go.
    pub delete: Vec<R::Key>,
}

impl<R: Row> Changes<R> {
    pub(crate) fn nothing() -> Self {
        Self {
            insert: Vec::new(),
            update: Vec::new(),
            delete: Vec::new(),
        }
    }

    /// Whether the table stays as it is.
    pub fn is_empty(&self) -> bool {
        self.insert.is_empty() && self.update.is_empty() && self.delete.is_empty()
    }

    /// How many rows change.
    pub fn len(&self) -> usize {
        self.insert.len() + self.update.len() + self.delete.len()
    }
}

/// A row that does not belong where it was met.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The fold answered with a row of another key.
    #[error(
        "{projection}: the fold of an event (aggregate `{id}`, partition {partition}, offset {offset}) \
         for key {expected} returned a row with key {found}: \
         a row must have the key that it is folded for"
    )]
    Folded {
        /// The projection.
        projection: &'static str,
        /// The event's aggregate.
        id: String,
        /// The event's partition.
        partition: u32,
        /// The event's offset.
        offset: u64,
        /// The key that it was folded for.
        expected: String,
        /// The row's key.
        found: String,
    },
    /// The table answered with a row that was not asked for.
    #[error(
        "{projection}: table {table} returned a row with key {found}, which no event asked for: \
         the key column keeps another value than it is given (a padded, rounded or case-folded type); \
         use a type that keeps it as it is"
    )]
    Loaded {
        /// The projection.
        projection: &'static str,
        /// The table.
        table: &'static str,
        /// The row's key.
        found: String,
    },
}

/// The keys of the rows that events touch, in order, each once.
pub fn keys_of<P: Projection>(projection: &P, events: &[Recorded<P::Event>]) -> Vec<Key<P>> {
    let mut rows = P::Rows::default();
    let touched = rows.touch(projection, events);
    rows.missing(&touched).into_iter().cloned().collect()
}

/// Folds events over the rows that they touch. `rows` may hold only rows of [`keys_of`] the events, each
/// once.
///
/// # Errors
/// A row's key is not one of the events' keys or comes twice, or the fold returned a row of another key.
pub fn fold_events<P: Projection>(
    projection: &P,
    events: &[Recorded<P::Event>],
    rows: Vec<P::Row>,
) -> Result<Changes<P::Row>, KeyError> {
    let mut folded = P::Rows::default();
    let touched = folded.touch(projection, events);
    folded.load(rows, &touched)?;
    folded.fold(projection, events, &touched)?;
    Ok(folded.into_changes())
}

#[cfg(test)]
pub(crate) mod tests {
    use factum_core::{DecodeError, Event};
    use uuid::Uuid;

    use super::*;
    use crate::Fold;
    use crate::rows::FoldedRows;

    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum Stock {
        Came(i64),
        Went,
        Moved(&'static str),
        Counted,
    }

    impl Event for Stock {
        const AGGREGATE: &'static str = "shop.stock";

        fn name(&self) -> &'static str {
            "Stock"
        }

        fn encode(&self, _: &mut Vec<u8>) {}

        fn decode(_: &[u8]) -> Result<Self, DecodeError> {
            Err(DecodeError::new("not needed"))
        }
    }

    #[derive(Clone, Debug, PartialEq, Row)]
    #[row(table = "shelf")]
    pub(crate) struct Shelf {
        #[row(key)]
        item: String,
        pieces: i64,
    }

    pub(crate) struct Shelves;

    impl Fold for Shelves {
        type Event = Stock;
        type Row = Shelf;
        const NAME: &'static str = "shelves";

        fn key(&self, event: &Recorded<Stock>) -> Option<String> {
            (event.event != Stock::Counted).then(|| event.id.clone())
        }

        fn fold(&self, row: Option<Shelf>, event: &Recorded<Stock>) -> Option<Shelf> {
            let before = row.map_or(0, |row| row.pieces);
            match event.event {
                Stock::Came(pieces) => Some(shelf(&event.id, before + pieces)),
                Stock::Moved(item) => Some(shelf(item, before)),
                Stock::Went | Stock::Counted => None,
            }
        }
    }

    pub(crate) fn shelf(item: &str, pieces: i64) -> Shelf {
        Shelf {
            item: item.to_owned(),
            pieces,
        }
    }

    pub(crate) fn recorded(events: &[(&str, Stock)]) -> Vec<Recorded<Stock>> {
        let event = |(offset, (id, event)): (u64, &(&str, Stock))| Recorded {
            id: (*id).to_owned(),
            partition: 3,
            offset,
            sequence: offset + 1,
            version: 1,
            time: jiff::Timestamp::UNIX_EPOCH,
            command: Uuid::nil(),
            metadata: Default::default(),
            event: event.clone(),
        };
        (0..).zip(events).map(event).collect()
    }

    fn folded(rows: &[Shelf], events: &[(&str, Stock)]) -> Result<Changes<Shelf>, KeyError> {
        fold_events(&Shelves, &recorded(events), rows.to_vec())
    }

    #[test]
    fn rows_are_inserted_updated_and_deleted_in_the_order_of_their_keys() {
        let rows = [shelf("b", 5), shelf("c", 1), shelf("d", 9)];
        let events = [
            ("d", Stock::Went),
            ("b", Stock::Came(1)),
            ("z", Stock::Came(2)),
            ("c", Stock::Went),
            ("a", Stock::Came(3)),
            ("b", Stock::Came(1)),
        ];
        let changes = folded(&rows, &events).unwrap();
        assert_eq!(changes.insert, [shelf("a", 3), shelf("z", 2)]);
        assert_eq!(changes.update, [shelf("b", 7)]);
        assert_eq!(changes.delete, ["c", "d"]);
        assert_eq!(changes.len(), 5);
    }

    #[test]
    fn a_row_that_comes_and_goes_within_a_batch_was_never_there() {
        let events = [("a", Stock::Came(3)), ("a", Stock::Went)];
        assert!(folded(&[], &events).unwrap().is_empty());
        let back = [("a", Stock::Went), ("a", Stock::Came(4))];
        let changes = folded(&[shelf("a", 1)], &back).unwrap();
        assert_eq!(changes.update, [shelf("a", 4)]);
    }

    #[test]
    fn an_event_without_a_key_changes_nothing() {
        let changes = folded(&[], &[("a", Stock::Counted)]).unwrap();
        assert!(changes.is_empty());
    }

    #[test]
    fn a_row_that_does_not_belong_is_an_error() {
        let error = folded(&[], &[("a", Stock::Moved("b"))]).unwrap_err();
        assert!(error.to_string().contains("returned a row with key \"b\""));
        let error = folded(&[shelf("x", 1)], &[("a", Stock::Went)]).unwrap_err();
        assert!(error.to_string().contains("no event asked for"), "{error}");
    }

    #[test]
    fn rows_that_are_kept_know_what_the_table_holds() {
        let mut rows = FoldedRows::<Shelves>::default();
        let mut fold = |events: &[(&str, Stock)]| {
            let events = recorded(events);
            let touched = rows.touch(&Shelves, &events);
            let missing = rows
                .missing(&touched)
                .into_iter()
                .cloned()
                .collect::<Vec<_>>();
            rows.fold(&Shelves, &events, &touched).unwrap();
            let of = rows.unwritten();
            let unwritten = (of.insert.len(), of.update.len(), of.delete.len());
            rows.written();
            assert_eq!(rows.unwritten().len(), 0);
            (missing, unwritten)
        };
        let came = [("b", Stock::Came(1)), ("a", Stock::Came(1))];
        assert_eq!(fold(&came), (vec!["a".into(), "b".into()], (2, 0, 0)));
        assert_eq!(
            fold(&[("a", Stock::Came(1)), ("c", Stock::Went)]),
            (vec!["c".into()], (0, 1, 0))
        );
        assert_eq!(fold(&[("a", Stock::Went)]), (vec![], (0, 0, 1)));
        assert_eq!(fold(&[("a", Stock::Came(1))]), (vec![], (1, 0, 0)));
    }

    #[test]
    fn a_row_that_is_held_is_not_loaded_over() {
        let mut rows = FoldedRows::<Shelves>::default();
        let first = recorded(&[("A", Stock::Came(7))]);
        let touched = rows.touch(&Shelves, &first);
        rows.fold(&Shelves, &first, &touched).unwrap();
        // The column folds case: asked for `a`, the table answers with `A`.
        let second = recorded(&[("a", Stock::Came(1))]);
        let touched = rows.touch(&Shelves, &second);
        let error = rows.load(vec![shelf("A", 1)], &touched).unwrap_err();
        assert!(error.to_string().contains("no event asked for"), "{error}");
        assert_eq!(rows.unwritten().insert[0], &shelf("A", 7));

        let twice = [shelf("a", 1), shelf("a", 1)];
        folded(&twice, &[("a", Stock::Came(1))]).unwrap_err();
    }
}

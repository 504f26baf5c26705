//! Gathering batches before they are written, so that a row that changes in many batches is written
//! once: cost grows with rows touched, not with events.
//!
//! This is open to a worker that owns every partition of the topic. Rows are read without a lock
//! and kept in memory, because the table belongs to this projection alone (see `owner`), and
//! whichever of its workers changes a row moves a position in the same transaction; so as long as every position stands where this worker left it, every row does, too. The
//! transaction that writes the rows checks that, before anything else.

use std::collections::BTreeMap;
use std::time::Duration;

use factum_core::Position;
use tokio::time::Instant;

use crate::batch::{Batch, Move};
use crate::projection::{Key, Rows};
use crate::rows::Unwritten;
use crate::stored::StoredKeys;
use crate::write::Writer;
use crate::{KeyError, Projection, ProjectorError};

/// After what time gathered rows are written, however many more there are to come.
const INTERVAL: Duration = Duration::from_secs(1);

/// So many bytes of records are what a live log brings, not what is left to catch up with.
const FEW: usize = 64 * 1024;

/// What was folded and is not written yet, and rows that are known.
pub(crate) struct Gathered<P: Projection> {
    rows: P::Rows,
    /// The keys of all rows of the table, where they are known.
    stored: Option<StoredKeys>,
    /// Where each partition stands in Postgres.
    committed: BTreeMap<u32, Position>,
    moves: BTreeMap<u32, Move>,
    /// Events folded since the last write.
    events: usize,
    since: Option<Instant>,
    /// The records folded since the rows were last forgotten, in bytes.
    weight: usize,
    limit: usize,
}

impl<P: Projection> Gathered<P> {
    /// Nothing gathered yet. Writes and forgets rows after records of about `limit` bytes.
    pub(crate) fn new(committed: BTreeMap<u32, Position>, limit: usize) -> Self {
        let untouched = committed.values().all(|at| *at == Position::START);
        Self {
            rows: P::Rows::default(),
            stored: untouched.then(StoredKeys::none),
            committed,
            moves: BTreeMap::new(),
            events: 0,
            since: None,
            weight: 0,
            limit,
        }
    }

    /// Folds a batch, over rows that are read if they are not known.
    pub(crate) async fn take_in(
        &mut self,
        projection: &P,
        writer: &Writer<P::Row>,
        batch: &Batch<P::Event>,
    ) -> Result<(), ProjectorError> {
        let touched = self.rows.touch(projection, &batch.events);
        let rows = writer.read::<P>(&self.missing(&touched)).await?;
        Ok(self.fold(projection, batch, &touched, rows)?)
    }

    /// The keys of rows that are not known, but for those that the table surely lacks.
    fn missing(&self, touched: &<P::Rows as Rows<P>>::Touched) -> Vec<&Key<P>> {
        let mut missing = self.rows.missing(touched);
        if let Some(stored) = &self.stored {
            missing.retain(|key| stored.may_hold(key));
        }
        missing
    }

    fn fold(
        &mut self,
        projection: &P,
        batch: &Batch<P::Event>,
        touched: &<P::Rows as Rows<P>>::Touched,
        missing: Vec<P::Row>,
    ) -> Result<(), KeyError> {
        self.rows.load(missing, touched)?;
        self.rows.fold(projection, &batch.events, touched)?;
        for (partition, step) in &batch.moves {
            let moved = self.moves.entry(*partition).or_insert(*step);
            moved.to = step.to;
        }
        self.events += batch.events.len();
        self.weight += batch.bytes;
        self.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Whether there is something to write.
    pub(crate) fn is_pending(&self) -> bool {
        !self.moves.is_empty()
    }

    /// Whether it is time to write.
    pub(crate) fn is_due(&self) -> bool {
        let waited = self.since.is_some_and(|since| since.elapsed() >= INTERVAL);
        waited || self.weight >= self.limit
    }

    /// After what time without news from the log everything is taken for read. A log that has more
    /// may pause between two fetches; not every log says at once that it has no more.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(if self.weight < FEW { 1 } else { 5 })
    }

    /// Events that were folded and are not written.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    pub(crate) fn unwritten(&self) -> Unwritten<'_, P::Row> {
        self.rows.unwritten()
    }

    /// The move of every partition; of those too that stay where they are.
    pub(crate) fn moves(&self) -> BTreeMap<u32, Move> {
        let stay = |(&partition, &at): (&u32, &Position)| (partition, Move { from: at, to: at });
        let mut moves: BTreeMap<_, _> = self.committed.iter().map(stay).collect();
        moves.extend(&self.moves);
        moves
    }

    /// Notes that everything gathered is written.
    pub(crate) fn written(&mut self) {
        self.remember_stored();
        self.rows.written();
        let moves = std::mem::take(&mut self.moves);
        self.moved(&moves);
        (self.events, self.since) = (0, None);
        if self.weight >= self.limit {
            self.rows.clear();
            self.weight = 0;
        }
    }

    fn remember_stored(&mut self) {
        if let Some(stored) = &mut self.stored {
            self.rows.new_keys().for_each(|key| stored.add(key));
        }
        self.stored = self.stored.take().filter(|stored| !stored.is_full());
    }

    /// Notes moves that were committed together with rows that are not these: what is known of the
    /// table is out of date. Nothing may be pending.
    pub(crate) fn passed_by(&mut self, moves: &BTreeMap<u32, Move>) {
        self.forget();
        self.moved(moves);
    }

    fn moved(&mut self, moves: &BTreeMap<u32, Move>) {
        let to = moves.iter().map(|(partition, step)| (*partition, step.to));
        self.committed.extend(to);
    }

    /// Forgets the known rows. Nothing may be pending.
    pub(crate) fn forget(&mut self) {
        self.rows.clear();
        self.stored = None;
        self.weight = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::tests::{Shelf, Shelves, Stock, recorded, shelf};

    fn gathered(offset: u64) -> Gathered<Shelves> {
        let at = Position {
            offset,
            ..Position::START
        };
        Gathered::new([(3, at)].into(), usize::MAX)
    }

    /// Folds one piece of `a` in, and returns the keys that were asked for.
    fn came(gathered: &mut Gathered<Shelves>, missing: Vec<Shelf>) -> Vec<String> {
        let mut batch = Batch::new();
        batch.events = recorded(&[("a", Stock::Came(1))]);
        let touched = gathered.rows.touch(&Shelves, &batch.events);
        let asked = gathered.missing(&touched).into_iter().cloned().collect();
        gathered.fold(&Shelves, &batch, &touched, missing).unwrap();
        asked
    }

    #[test]
    fn a_row_that_was_written_by_another_way_is_asked_for_again() {
        let mut gathered = gathered(5);
        assert_eq!(came(&mut gathered, vec![shelf("a", 1)]), ["a"]);
        gathered.written();
        assert!(came(&mut gathered, vec![]).is_empty(), "it is known");
        gathered.written();
        gathered.passed_by(&BTreeMap::new());
        assert_eq!(came(&mut gathered, vec![shelf("a", 9)]), ["a"]);
        assert_eq!(gathered.unwritten().update, [&shelf("a", 10)]);
    }

    #[test]
    fn a_table_filled_from_nothing_is_asked_only_for_what_was_written() {
        let mut gathered = gathered(0);
        assert!(came(&mut gathered, vec![]).is_empty(), "it is empty");
        gathered.limit = 0;
        gathered.written();
        assert_eq!(came(&mut gathered, vec![shelf("a", 1)]), ["a"]);
        assert_eq!(gathered.unwritten().update, [&shelf("a", 2)]);
        gathered.written();
        gathered.passed_by(&BTreeMap::new());
        let mut batch = Batch::new();
        batch.events = recorded(&[("b", Stock::Came(1))]);
        let touched = gathered.rows.touch(&Shelves, &batch.events);
        let others = "another way may have written any row";
        assert_eq!(gathered.missing(&touched), ["b"], "{others}");
    }
}

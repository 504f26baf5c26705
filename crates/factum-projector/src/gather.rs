//! Gathering batches before they are written, so that a row that changes in many batches is written
//! once: cost grows with rows touched, not with events.
//!
//! This is open to a worker that owns every partition of all topics. Rows are read without a lock
//! and kept in memory, because the table belongs to this projection alone (see `owner`), and
//! whichever of its workers changes a row moves a position in the same transaction; so as long as every
//! position stands where this worker left it, every row does, too. The transaction that writes the rows
//! checks that, before anything else.

use std::collections::BTreeMap;
use std::time::Duration;

use factum_core::Position;
use tokio::time::Instant;

use crate::batch::{Batch, Move};
use crate::caught::caught;
use crate::letter::Letter;
use crate::projection::{Key, Rows};
use crate::rows::Unwritten;
use crate::stored::StoredKeys;
use crate::{Projection, ProjectorError};

/// Which event of a batch touches which row.
pub(crate) type Touched<P> = <<P as Projection>::Rows as Rows<P>>::Touched;

/// After what time gathered rows are written, however many more there are to come; longer where writing takes
/// long, so that it is not what most of the time goes to.
const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(10);
/// How much longer that is than the last transaction took.
const SELDOM: u32 = 4;

/// So many bytes of records are what a live log brings, not what is left to catch up with.
const FEW: usize = 64 * 1024;
const SOME: usize = 1 << 20;

/// What was folded and is not written yet, and rows that are known.
pub(crate) struct Gathered<P: Projection> {
    rows: P::Rows,
    /// The keys of all rows of the table, where they are known.
    stored: Option<StoredKeys>,
    /// Where each partition stands in Postgres, once what is under way is committed.
    committed: BTreeMap<u32, Position>,
    moves: BTreeMap<u32, Move>,
    /// What was taken out of the batches, to be parked.
    letters: Vec<Letter>,
    /// Events folded since rows were last sent.
    events: usize,
    since: Option<Instant>,
    /// The records folded since then, in bytes.
    weight: usize,
    /// About how many bytes the contents of a row take; unknown until some are sent.
    each: Option<usize>,
    interval: Duration,
    limit: usize,
}

impl<P: Projection> Gathered<P> {
    /// Nothing gathered yet. Rows take up to about `limit` bytes.
    pub(crate) fn new(committed: BTreeMap<u32, Position>, limit: usize) -> Self {
        let untouched = committed.values().all(|at| *at == Position::START);
        Self {
            rows: P::Rows::default(),
            stored: untouched.then(StoredKeys::none),
            committed,
            moves: BTreeMap::new(),
            letters: Vec::new(),
            events: 0,
            since: None,
            weight: 0,
            each: None,
            interval: SOONEST,
            limit,
        }
    }

    /// Finds the rows that a batch touches.
    pub(crate) fn touch(
        &mut self,
        projection: &P,
        batch: &Batch<P::Event>,
    ) -> Result<Touched<P>, ProjectorError> {
        caught(|| self.rows.touch(projection, &batch.events))
    }

    /// The keys of rows that are not known, but for those that the table surely lacks.
    pub(crate) fn missing(&self, touched: &Touched<P>) -> Vec<&Key<P>> {
        let mut missing = self.rows.missing(touched);
        if let Some(stored) = &self.stored {
            missing.retain(|key| stored.may_hold(key));
        }
        missing
    }

    /// Folds a batch over the rows that it touches; those that are [missing](Self::missing) come along. After
    /// an error nothing of what was gathered may be written.
    pub(crate) fn fold(
        &mut self,
        projection: &P,
        batch: &Batch<P::Event>,
        touched: &Touched<P>,
        missing: Vec<P::Row>,
    ) -> Result<(), ProjectorError> {
        self.rows.load(missing, touched)?;
        caught(|| self.rows.fold(projection, &batch.events, touched))??;
        for (partition, step) in &batch.moves {
            let moved = self.moves.entry(*partition).or_insert(*step);
            moved.to = step.to;
        }
        self.events += batch.events.len();
        self.weight += batch.bytes;
        self.since.get_or_insert_with(Instant::now);
        Ok(())
    }

    /// Takes in letters that are to be parked with the batch that they were taken out of.
    pub(crate) fn add_letters(&mut self, letters: Vec<Letter>) {
        self.weight += letters.iter().map(Letter::bytes).sum::<usize>();
        self.letters.extend(letters);
    }

    /// Whether there is something to write.
    pub(crate) fn is_pending(&self) -> bool {
        !self.moves.is_empty()
    }

    /// Whether it is time to write: while that goes on there must be room for more.
    pub(crate) fn is_due(&self) -> bool {
        let waited = self
            .since
            .is_some_and(|since| since.elapsed() >= self.interval);
        waited || self.bytes() >= self.limit / 2
    }

    /// Whether there is no room for more before something is written.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes() >= self.limit
    }

    /// About how many bytes the rows take, and the letters. Until some rows were sent, their contents are
    /// taken to be what the records had that they were folded from: rows that were read may hold more.
    fn bytes(&self) -> usize {
        let letters: usize = self.letters.iter().map(Letter::bytes).sum();
        let rows = match self.each {
            Some(each) => self.rows.bytes(each),
            None => self.rows.bytes(0).max(self.weight),
        };
        letters + rows
    }

    /// After what time without news from the log everything is taken for read. A log that has more
    /// may pause between two fetches; not every log says at once that it has no more.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_millis(match self.weight {
            0..FEW => 1,
            FEW..SOME => 5,
            _ => 50,
        })
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

    /// The letters, which are sent with the rows.
    pub(crate) fn take_letters(&mut self) -> Vec<Letter> {
        std::mem::take(&mut self.letters)
    }

    /// Notes that everything gathered is on its way, with rows of about so many bytes each, if there are any;
    /// returns how many events that are. If it does not arrive, all that is known here is void.
    pub(crate) fn sent(&mut self, each: Option<usize>) -> usize {
        self.each = each.or(self.each);
        if let Some(stored) = &mut self.stored {
            self.rows.new_keys().for_each(|key| stored.add(key));
        }
        self.stored = self.stored.take().filter(|stored| !stored.is_full());
        self.rows.written();
        let moves = std::mem::take(&mut self.moves);
        self.moved(&moves);
        (self.since, self.weight) = (None, 0);
        std::mem::take(&mut self.events)
    }

    /// Notes that what was sent has arrived, after some time.
    pub(crate) fn arrived(&mut self, took: Duration) {
        self.interval = (took * SELDOM).clamp(SOONEST, LATEST);
    }

    /// Makes room, if rows take much. What was sent must have arrived: whoever asks for a row that is not here
    /// reads the table.
    pub(crate) fn make_room(&mut self) {
        if self.bytes() >= self.limit / 2 {
            self.rows.forget_written();
        }
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
        gathered.sent(Some(10));
        assert!(came(&mut gathered, vec![]).is_empty(), "it is known");
        gathered.sent(Some(10));
        gathered.passed_by(&BTreeMap::new());
        assert_eq!(came(&mut gathered, vec![shelf("a", 9)]), ["a"]);
        assert_eq!(gathered.unwritten().update, [&shelf("a", 10)]);
    }

    #[test]
    fn a_table_filled_from_nothing_is_asked_only_for_what_was_written() {
        let mut gathered = gathered(0);
        assert!(came(&mut gathered, vec![]).is_empty(), "it is empty");
        gathered.sent(Some(10));
        assert!(came(&mut gathered, vec![]).is_empty(), "it is known");
        gathered.sent(Some(10));
        gathered.limit = 0;
        gathered.make_room();
        assert_eq!(came(&mut gathered, vec![shelf("a", 2)]), ["a"]);
        assert_eq!(gathered.unwritten().update, [&shelf("a", 3)]);
        gathered.sent(Some(10));
        gathered.passed_by(&BTreeMap::new());
        let mut batch = Batch::new();
        batch.events = recorded(&[("b", Stock::Came(1))]);
        let touched = gathered.rows.touch(&Shelves, &batch.events);
        let others = "another way may have written any row";
        assert_eq!(gathered.missing(&touched), ["b"], "{others}");
    }
}

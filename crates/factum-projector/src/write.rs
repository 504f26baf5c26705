//! Writing: transactions that move the positions and change the rows.

use std::collections::BTreeMap;
use std::time::Duration;

use factum_host::{Guard, holds, random};
use futures::future::{BoxFuture, try_join3, try_join4};

use crate::batch::{Batch, Move};
use crate::caught::caught;
use crate::letter::Letter;
use crate::parked::Parked;
use crate::projection::{Key, Rows};
use crate::rows::Unwritten;
use crate::store::Session;
use crate::{Projection, ProjectorError, Row};

/// How often a batch is written anew because another transaction was in the way.
const ATTEMPTS: u32 = 10;

/// Writes one projection's rows and positions in one session.
pub(crate) struct Writer<R: Row> {
    pub(crate) session: Box<dyn Session<R>>,
}

/// What is parked, with what a transaction adds to it.
#[derive(Clone, Copy)]
pub(crate) struct Parking<'a> {
    /// The partitions that it speaks of.
    pub partitions: &'a [u32],
    /// How many letters those must have.
    before: u64,
    /// What the transaction adds.
    pub letters: &'a [Letter],
}

/// A transaction under way. The rows that it writes are not borrowed any more.
pub(crate) struct Writing<'w> {
    /// How many rows change.
    pub rows: usize,
    /// About how many bytes each row takes that is sent, if any is.
    pub each: Option<usize>,
    /// What becomes of it.
    pub written: BoxFuture<'w, Result<Written, ProjectorError>>,
}

/// What became of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is committed; this many rows changed.
    Rows(usize),
    /// Nothing happened: another worker has moved these partitions.
    Behind(Vec<u32>),
    /// Nothing happened: dead letters are gone, so what is parked is to be looked at anew.
    Unparked,
}

impl<'a> Parking<'a> {
    /// Of nothing.
    pub(crate) const NOTHING: Parking<'static> = Parking {
        partitions: &[],
        before: 0,
        letters: &[],
    };

    /// Of what is parked in some partitions, once the transaction is committed, and what it adds to that.
    pub(crate) fn new(partitions: &'a [u32], parked: &Parked, letters: &'a [Letter]) -> Self {
        Self {
            partitions,
            before: parked.letters() - letters.len() as u64,
            letters,
        }
    }
}

impl<R: Row> Writer<R> {
    /// Prepares a session.
    pub(crate) async fn prepare(mut session: Box<dyn Session<R>>) -> Result<Self, ProjectorError> {
        session.prepare().await?;
        Ok(Self { session })
    }

    /// Writes a batch, whoever else may write to the same rows: its rows are read and locked in the
    /// same transaction. Again, if another transaction was in the way.
    ///
    /// # Errors
    /// The batch did not take effect, or, when the connection broke, nobody knows: the position
    /// tells. The session is of no use any more.
    pub(crate) async fn write<P: Projection<Row = R>>(
        &self,
        projection: &P,
        batch: &Batch<P::Event>,
        parking: Parking<'_>,
    ) -> Result<Written, ProjectorError> {
        let mut attempt = 1;
        loop {
            match self.attempt(projection, batch, parking).await {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                    let cause = factum_core::chain(&error);
                    tracing::info!(
                        attempt,
                        cause,
                        "another worker was in the way: writing again"
                    );
                    self.session.roll_back().await?;
                    let most = f64::from(5 << attempt.min(6)); // milliseconds
                    let jitter = Duration::from_secs_f64((1.0 + random() * most) / 1000.0);
                    tokio::time::sleep(jitter).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<P: Projection<Row = R>>(
        &self,
        projection: &P,
        batch: &Batch<P::Event>,
        parking: Parking<'_>,
    ) -> Result<Written, ProjectorError> {
        let mut rows = P::Rows::default();
        let touched = caught(|| rows.touch(projection, &batch.events))?;
        let keys = rows.missing(&touched);
        // Sent together, answered together: one round trip.
        let load = self.session.load(&keys, holds(Guard::Locked));
        let begun = (self.session.begin(), self.session.advance(&batch.moves));
        let count = self.count(parking);
        let ((), behind, letters, loaded) = try_join4(begun.0, begun.1, count, load).await?;
        if let Some(undone) = self.give_way(behind, letters, parking).await? {
            return Ok(undone);
        }
        rows.load(loaded, &touched)?;
        caught(|| rows.fold(projection, &batch.events, &touched))??;
        let transaction = self.session.transaction();
        let handled = projection.handle(&batch.events, transaction).await?;
        let rows = rows.unwritten();
        self.session.apply(&rows)?.done.await?;
        let committed = self.park_and_commit(parking.letters).await;
        committed.map_err(|error| projection.failed(&batch.events, error))?;
        Ok(Written::Rows(rows.len() + handled as usize))
    }

    /// Whether an operator has paused the projection.
    pub(crate) async fn is_paused(&self) -> Result<bool, ProjectorError> {
        self.session.is_paused().await
    }

    /// Reads rows that nobody else changes, of those that `keys` name.
    pub(crate) async fn read<P: Projection<Row = R>>(
        &self,
        keys: &[&Key<P>],
    ) -> Result<Vec<R>, ProjectorError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        self.session.load(keys, false).await
    }

    /// Writes rows that were read before the transaction. They must be as they were read as long as
    /// no position was moved, so `moves` must hold every partition of all topics.
    pub(crate) fn write_gathered<'w>(
        &'w self,
        moves: BTreeMap<u32, Move>,
        rows: &Unwritten<'_, R>,
        parking: Parking<'w>,
    ) -> Result<Writing<'w>, ProjectorError> {
        let sent = rows.insert.len() + rows.update.len();
        let (applying, rows) = (self.session.apply(rows)?, rows.len());
        let written = async move {
            if let Some(undone) = self.begin(&moves, parking).await? {
                return Ok(undone);
            }
            applying.done.await?;
            self.park_and_commit(parking.letters).await?;
            Ok(Written::Rows(rows))
        };
        Ok(Writing {
            rows,
            each: applying.bytes.checked_div(sent),
            written: Box::pin(written),
        })
    }

    /// Begins a transaction and moves the positions; or says why that can't be.
    pub(crate) async fn begin(
        &self,
        moves: &BTreeMap<u32, Move>,
        parking: Parking<'_>,
    ) -> Result<Option<Written>, ProjectorError> {
        let advance = self.session.advance(moves);
        let begun = try_join3(self.session.begin(), advance, self.count(parking));
        let ((), behind, letters) = begun.await?;
        self.give_way(behind, letters, parking).await
    }

    /// How many dead letters there are, where there may be some.
    async fn count(&self, parking: Parking<'_>) -> Result<u64, ProjectorError> {
        match parking.before {
            0 => Ok(0),
            _ => self.session.count(parking.partitions).await,
        }
    }

    /// Undoes the transaction if another worker is ahead, or somebody took dead letters away. Whoever does, be
    /// it a worker that was stopped in the middle of a replay, leaves the positions where they are.
    async fn give_way(
        &self,
        behind: Vec<u32>,
        letters: u64,
        parking: Parking<'_>,
    ) -> Result<Option<Written>, ProjectorError> {
        if !behind.is_empty() && holds(Guard::Compared) {
            self.session.roll_back().await?;
            return Ok(Some(Written::Behind(behind)));
        }
        if letters != parking.before {
            self.session.roll_back().await?;
            return Ok(Some(Written::Unparked));
        }
        if !holds(Guard::Together) {
            self.session.commit().await?;
            self.session.begin().await?;
        }
        Ok(None)
    }

    async fn park_and_commit(&self, letters: &[Letter]) -> Result<(), ProjectorError> {
        if !letters.is_empty() {
            self.park(letters).await?;
        }
        self.session.commit().await
    }

    /// Writes letters, in the transaction that moves the position past their events.
    pub(crate) async fn park(&self, letters: &[Letter]) -> Result<(), ProjectorError> {
        if !holds(Guard::Letters) {
            self.session.commit().await?;
            self.session.begin().await?;
        }
        self.session.park(letters).await
    }
}

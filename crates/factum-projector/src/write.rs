//! Writing: transactions that move the positions and change the rows.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::TryFutureExt;
use futures::future::{try_join, try_join3};
use rand::RngExt;
use tokio_postgres::types::ToSql;
use tokio_postgres::{SimpleQueryMessage, Statement};

use crate::batch::{Batch, Move};
use crate::copy::copy;
use crate::positions::{Mover, Positions};
use crate::rows::{Rows, Unwritten};
use crate::session::Session;
use crate::table::TableTypes;
use crate::{Fold, Key, KeyArray, ProjectorError, Row, sql};

/// How often a batch is written anew because another transaction was in the way.
const ATTEMPTS: u32 = 10;

/// Writes one projection's rows and positions in one session.
pub(crate) struct Writer {
    session: Session,
    positions: Positions,
    types: TableTypes,
    mover: Mover,
    load: Statement,
    load_locked: Statement,
    delete: Statement,
    insert: Statement,
    stage: Statement,
    update: Option<String>,
}

/// What became of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// It is committed; this many rows changed.
    Rows(usize),
    /// Nothing happened: another worker has moved these partitions.
    Behind(Vec<u32>),
}

impl Writer {
    /// Prepares a session.
    pub(crate) async fn prepare<R: Row>(
        session: Session,
        positions: Positions,
        types: TableTypes,
    ) -> Result<Self, ProjectorError> {
        let client = &session.client;
        let failed = || ProjectorError::postgres(format!("prepare the writing of {}", R::TABLE));
        let stage = sql::create_stage::<R>();
        client.batch_execute(&stage).await.map_err(failed())?;
        let prepare = async |sql: String| -> Result<Statement, ProjectorError> {
            client.prepare(&sql).await.map_err(failed())
        };
        Ok(Self {
            mover: positions.mover(client).await?,
            load: prepare(sql::load::<R>(&types.keys)).await?,
            load_locked: prepare(sql::load_locked::<R>(&types.keys)).await?,
            delete: prepare(sql::delete::<R>(&types.keys)).await?,
            insert: prepare(sql::insert::<R>()).await?,
            stage: prepare(sql::stage::<R>()).await?,
            update: sql::update::<R>(),
            session,
            positions,
            types,
        })
    }

    /// Writes a batch, whoever else may write to the same rows: its rows are read and locked in the
    /// same transaction. Again, if another transaction was in the way.
    ///
    /// # Errors
    /// The batch did not take effect, or, when the connection broke, nobody knows: the position
    /// tells. The session is of no use any more.
    pub(crate) async fn write<F: Fold>(
        &self,
        fold: &F,
        batch: &Batch<F::Event>,
    ) -> Result<Written, ProjectorError> {
        let mut attempt = 1;
        loop {
            match self.attempt(fold, batch).await {
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                    let cause = crate::error::chain(&error);
                    tracing::info!(
                        attempt,
                        cause,
                        "another worker was in the way: writing again"
                    );
                    self.roll_back().await?;
                    let jitter = rand::rng().random_range(1..=5 << attempt.min(6));
                    tokio::time::sleep(Duration::from_millis(jitter)).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<F: Fold>(
        &self,
        fold: &F,
        batch: &Batch<F::Event>,
    ) -> Result<Written, ProjectorError> {
        let mut rows = Rows::<F>::new();
        let touched = rows.touch(fold, &batch.events);
        let keys = rows.missing(&touched);
        // Sent together, answered together: one round trip.
        let load = self.load::<F::Row>(&self.load_locked, &keys);
        let begun = try_join3(self.begin(), self.advance(&batch.moves), load).await?;
        let ((), behind, loaded) = begun;
        if !behind.is_empty() {
            self.roll_back().await?;
            return Ok(Written::Behind(behind));
        }
        rows.load(loaded, &touched)?;
        rows.fold(fold, &batch.events, &touched)?;
        self.apply_and_commit(&rows.unwritten()).await
    }

    /// Reads rows that nobody else changes, of those that `keys` name.
    pub(crate) async fn read<F: Fold>(
        &self,
        keys: &[&Key<F>],
    ) -> Result<Vec<F::Row>, ProjectorError> {
        self.load::<F::Row>(&self.load, keys).await
    }

    /// Writes rows that were read before the transaction. They must be as they were read as long as
    /// no position was moved, so `moves` must hold every partition of the topic.
    pub(crate) async fn write_gathered<R: Row>(
        &self,
        moves: &BTreeMap<u32, Move>,
        rows: &Unwritten<'_, R>,
    ) -> Result<Written, ProjectorError> {
        let ((), behind) = try_join(self.begin(), self.advance(moves)).await?;
        if !behind.is_empty() {
            self.roll_back().await?;
            return Ok(Written::Behind(behind));
        }
        self.apply_and_commit(rows).await
    }

    /// Begins a transaction and marks it: the move of positions is sent right behind, and where
    /// beginning failed it must not take effect by itself.
    async fn begin(&self) -> Result<(), ProjectorError> {
        let begin = "BEGIN; SET LOCAL factum.open = '1'";
        self.run(begin, "begin a transaction").await
    }

    async fn roll_back(&self) -> Result<(), ProjectorError> {
        self.run("ROLLBACK", "undo a transaction").await
    }

    async fn run(&self, sql: &str, doing: &str) -> Result<(), ProjectorError> {
        let done = self.session.client.batch_execute(sql).await;
        done.map_err(ProjectorError::postgres(doing))
    }

    async fn advance(&self, moves: &BTreeMap<u32, Move>) -> Result<Vec<u32>, ProjectorError> {
        let client = &self.session.client;
        self.positions
            .advance(client, &self.mover, moves)
            .map_err(ProjectorError::postgres("move the positions"))
            .await
    }

    async fn load<R: Row>(
        &self,
        statement: &Statement,
        keys: &[&R::Key],
    ) -> Result<Vec<R>, ProjectorError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let failed = || ProjectorError::postgres(format!("read rows of {}", R::TABLE));
        let arrays = R::key_arrays(keys);
        let rows = self.session.client.query(statement, &params(&arrays)).await;
        let rows = rows.map_err(failed())?;
        let rows: Result<_, _> = rows.iter().map(R::read).collect();
        rows.map_err(failed())
    }

    async fn apply_and_commit<R: Row>(
        &self,
        rows: &Unwritten<'_, R>,
    ) -> Result<Written, ProjectorError> {
        let (client, types) = (&self.session.client, &self.types.all);
        if !rows.insert.is_empty() {
            copy(client, &self.insert, types, &rows.insert).await?;
        }
        if let (false, Some(update)) = (rows.update.is_empty(), &self.update) {
            copy(client, &self.stage, types, &rows.update).await?;
            let doing = format!("update {}", R::TABLE);
            let updated = client.simple_query(update).await;
            let updated = updated.map_err(ProjectorError::postgres(doing.as_str()))?;
            all_of(rows.update.len(), changed(&updated), doing)?;
        }
        if !rows.delete.is_empty() {
            let doing = format!("delete from {}", R::TABLE);
            let arrays = R::key_arrays(&rows.delete);
            let deleted = client.execute(&self.delete, &params(&arrays)).await;
            let deleted = deleted.map_err(ProjectorError::postgres(doing.as_str()))?;
            all_of(rows.delete.len(), deleted, doing)?;
        }
        self.run("COMMIT", "commit a transaction").await?;
        Ok(Written::Rows(rows.len()))
    }
}

/// How many rows a statement changed. Sent as text, because a prepared statement without parameters
/// would keep the plan of its first batch.
fn changed(answers: &[SimpleQueryMessage]) -> u64 {
    let count = |answer: &_| match answer {
        SimpleQueryMessage::CommandComplete(rows) => *rows,
        _ => 0,
    };
    answers.iter().map(count).sum()
}

/// Refuses when not just the rows that were given have changed.
fn all_of(expected: usize, changed: u64, doing: String) -> Result<(), ProjectorError> {
    let expected = expected as u64;
    if changed == expected {
        return Ok(());
    }
    Err(ProjectorError::Miscounted {
        doing,
        expected,
        changed,
    })
}

fn params<'a>(arrays: &'a [KeyArray<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    arrays.iter().map(|array| &**array as _).collect()
}

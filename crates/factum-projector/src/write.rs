//! Writing a batch: one transaction that moves the positions and changes the rows.

use std::time::Duration;

use factum_core::Recorded;
use futures::TryFutureExt;
use futures::future::try_join3;
use rand::RngExt;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use crate::batch::Batch;
use crate::changes::{Changes, Touched};
use crate::copy::copy;
use crate::positions::{Mover, Positions};
use crate::session::Session;
use crate::table::TableTypes;
use crate::{Fold, KeyArray, ProjectorError, Row, sql};

/// How often a batch is written anew because another transaction was in the way.
const ATTEMPTS: u32 = 10;

/// Writes the batches of one projection in one session.
pub(crate) struct Writer {
    session: Session,
    positions: Positions,
    types: TableTypes,
    mover: Mover,
    load: Statement,
    delete: Statement,
    insert: Statement,
    stage: Statement,
    update: Option<String>,
}

/// What became of a batch.
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
        let (load, delete) = (sql::load::<R>(&types.keys), sql::delete::<R>(&types.keys));
        let (insert, stage) = (sql::insert::<R>(), sql::stage::<R>());
        Ok(Self {
            mover: positions.mover(client).await?,
            load: client.prepare(&load).await.map_err(failed())?,
            delete: client.prepare(&delete).await.map_err(failed())?,
            insert: client.prepare(&insert).await.map_err(failed())?,
            stage: client.prepare(&stage).await.map_err(failed())?,
            update: sql::update::<R>(),
            session,
            positions,
            types,
        })
    }

    /// Writes a batch, again if another transaction was in the way.
    ///
    /// # Errors
    /// The batch did not take effect, or, when the connection broke, nobody knows: the position
    /// tells. The session is of no use any more.
    pub(crate) async fn write<F: Fold>(
        &mut self,
        fold: &F,
        batch: &Batch<F::Event>,
    ) -> Result<Written, ProjectorError> {
        let touched = Touched::by(fold, &batch.events);
        let mut attempt = 1;
        loop {
            match self.attempt(fold, batch, &touched).await {
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
                Ok(Written::Behind(partitions)) => {
                    self.roll_back().await?;
                    return Ok(Written::Behind(partitions));
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<F: Fold>(
        &self,
        fold: &F,
        batch: &Batch<F::Event>,
        touched: &Touched<F>,
    ) -> Result<Written, ProjectorError> {
        let client = &self.session.client;
        // Sent together, answered together: one round trip.
        let begin = client
            .batch_execute("BEGIN")
            .map_err(ProjectorError::postgres("begin a transaction"));
        let advance = self
            .positions
            .advance(client, &self.mover, &batch.moves)
            .map_err(ProjectorError::postgres("move the positions"));
        let load = self.load::<F>(touched);
        let ((), behind, rows) = try_join3(begin, advance, load).await?;
        if !behind.is_empty() {
            return Ok(Written::Behind(behind));
        }
        let changes = changes(fold, &batch.events, touched, rows)?;
        self.apply(&changes).await?;
        self.commit().await?;
        Ok(Written::Rows(changes.len()))
    }

    /// Reads and locks the rows that the batch touches.
    async fn load<F: Fold>(
        &self,
        touched: &Touched<F>,
    ) -> Result<Vec<tokio_postgres::Row>, ProjectorError> {
        let keys: Vec<_> = touched.keys().collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let arrays = F::Row::key_arrays(&keys);
        let rows = self
            .session
            .client
            .query(&self.load, &params(&arrays))
            .await;
        let doing = format!("read rows of {}", F::Row::TABLE);
        rows.map_err(ProjectorError::postgres(doing))
    }

    async fn apply<R: Row>(&self, changes: &Changes<R>) -> Result<(), ProjectorError> {
        let client = &self.session.client;
        if !changes.insert.is_empty() {
            copy(client, &self.insert, &self.types.all, &changes.insert).await?;
        }
        if let (false, Some(update)) = (changes.update.is_empty(), &self.update) {
            copy(client, &self.stage, &self.types.all, &changes.update).await?;
            let updated = client.batch_execute(update).await;
            updated.map_err(ProjectorError::postgres(format!("update {}", R::TABLE)))?;
        }
        if !changes.delete.is_empty() {
            let keys: Vec<_> = changes.delete.iter().collect();
            let arrays = R::key_arrays(&keys);
            let deleted = client.execute(&self.delete, &params(&arrays)).await;
            deleted.map_err(ProjectorError::postgres(format!(
                "delete from {}",
                R::TABLE
            )))?;
        }
        Ok(())
    }

    async fn commit(&self) -> Result<(), ProjectorError> {
        let committed = self.session.client.batch_execute("COMMIT").await;
        committed.map_err(ProjectorError::postgres("commit a batch"))
    }

    async fn roll_back(&self) -> Result<(), ProjectorError> {
        let undone = self.session.client.batch_execute("ROLLBACK").await;
        undone.map_err(ProjectorError::postgres("undo a batch"))
    }
}

/// Folds the batch over the rows that were read.
fn changes<F: Fold>(
    fold: &F,
    events: &[Recorded<F::Event>],
    touched: &Touched<F>,
    rows: Vec<tokio_postgres::Row>,
) -> Result<Changes<F::Row>, ProjectorError> {
    let doing = format!("read a row of {}", F::Row::TABLE);
    let rows: Result<Vec<_>, _> = rows.iter().map(F::Row::read).collect();
    let rows = rows.map_err(ProjectorError::postgres(doing))?;
    Ok(touched.fold(fold, events, rows)?)
}

fn params<'a>(arrays: &'a [KeyArray<'_>]) -> Vec<&'a (dyn ToSql + Sync)> {
    arrays.iter().map(|array| &**array as _).collect()
}

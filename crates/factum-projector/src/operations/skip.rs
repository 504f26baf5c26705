//! Passing over what was planned: one transaction, or nothing.

use std::time::Duration;

use factum_core::Position;
use tokio_postgres::types::ToSql;

use super::{Operations, SeekError, Skip};
use crate::ProjectorError;
use crate::positions::{COLUMNS, position, table};
use crate::sql::quote;
use crate::switch::notify;

/// How long a worker's transaction is waited for that holds the position.
const LOCK: Duration = Duration::from_secs(30);

/// The table of what was passed over in a schema, quoted.
pub(super) fn skips(schema: &str) -> String {
    format!("{}.skips", quote(schema))
}

impl Operations {
    /// Moves the position past what was planned, and writes down that this was done, in one transaction. Where
    /// a worker has come further meanwhile, only the rest is passed over. Workers go on from there without a
    /// restart, and one that has taken in what is passed over writes nothing of it. Returns what was passed over.
    ///
    /// The role must own Factum's tables: it makes the one of skips, if that is not there.
    ///
    /// # Errors
    /// Workers have passed it by themselves ([`SeekError::Back`]); or Postgres fails. Nothing has changed then.
    pub async fn skip(&self, plan: &Skip, reason: Option<&str>) -> Result<Skip, ProjectorError> {
        let begin = format!("BEGIN; SET LOCAL lock_timeout = {}", LOCK.as_millis());
        self.run_seek(&begin).await?;
        match self.skip_in_transaction(plan, reason).await {
            Ok(skipped) => {
                let commit = format!("{}; COMMIT", notify(&self.schema, &plan.projection));
                self.run_seek(&commit).await.map(|()| skipped)
            }
            Err(error) => {
                self.run_seek("ROLLBACK").await?;
                Err(error)
            }
        }
    }

    async fn skip_in_transaction(
        &self,
        plan: &Skip,
        reason: Option<&str>,
    ) -> Result<Skip, ProjectorError> {
        let create = include_str!("../skips.sql").replace("{skips}", &skips(&self.schema));
        let create = create.replace("{positions}", &table(&self.schema));
        self.run_seek(&create).await?;
        let now = self.held(plan).await?;
        let skipped = rest(plan, now)?;
        self.move_to(plan).await?;
        self.note(&skipped, now.next, reason).await?;
        Ok(skipped)
    }

    /// The position, which no worker moves before the transaction ends.
    async fn held(&self, plan: &Skip) -> Result<Position, ProjectorError> {
        let query = format!(
            "SELECT {COLUMNS} FROM {} {WHERE} FOR UPDATE",
            table(&self.schema)
        );
        let (version, partition) = (plan.version as i32, plan.partition as i32);
        let whose: [&(dyn ToSql + Sync); 4] = [&plan.projection, &version, &plan.topic, &partition];
        let _call = self.session.call();
        let row = self.session.client.query_opt(&query, &whose).await;
        let row = row.map_err(ProjectorError::postgres("hold the position"))?;
        let unknown = || super::unknown(&plan.projection, plan.version);
        Ok(position(0, &row.ok_or_else(unknown)?).1)
    }

    async fn move_to(&self, plan: &Skip) -> Result<(), ProjectorError> {
        let update = format!(
            "UPDATE {} SET identity = $5, \"offset\" = $6, epoch = $7, next = $8, closed = $9, \
             updated_at = now() {WHERE}",
            table(&self.schema)
        );
        let (version, partition, to) = (plan.version as i32, plan.partition as i32, &plan.wanted);
        let [offset, epoch, next] = [to.offset, to.epoch, to.next].map(|it| it as i64);
        let values: [&(dyn ToSql + Sync); 9] = [
            &plan.projection,
            &version,
            &plan.topic,
            &partition,
            &to.identity,
            &offset,
            &epoch,
            &next,
            &to.closed,
        ];
        let _call = self.session.call();
        let moved = self.session.client.execute(&update, &values).await;
        moved
            .map(drop)
            .map_err(ProjectorError::postgres("move the position"))
    }

    /// Writes down what is passed over, from this sequence on.
    async fn note(
        &self,
        skip: &Skip,
        first: u64,
        reason: Option<&str>,
    ) -> Result<(), ProjectorError> {
        let insert = format!(
            "INSERT INTO {} (projection, version, topic, partition, from_offset, to_offset, first_sequence, \
             events, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            skips(&self.schema)
        );
        let (version, partition) = (skip.version as i32, skip.partition as i32);
        let [from, to, first, events] =
            [skip.from, skip.to, first, skip.events].map(|it| it as i64);
        let values: [&(dyn ToSql + Sync); 9] = [
            &skip.projection,
            &version,
            &skip.topic,
            &partition,
            &from,
            &to,
            &first,
            &events,
            &reason,
        ];
        let _call = self.session.call();
        let noted = self.session.client.execute(&insert, &values).await;
        noted
            .map(drop)
            .map_err(ProjectorError::postgres("write down what is passed over"))
    }

    async fn run_seek(&self, sql: &str) -> Result<(), ProjectorError> {
        let _call = self.session.call();
        let done = self.session.client.batch_execute(sql).await;
        done.map_err(ProjectorError::postgres("move a position"))
    }
}

const WHERE: &str = "WHERE projection = $1 AND version = $2 AND topic = $3 AND partition = $4";

/// What is left of a plan, where the position stands elsewhere now than it did. Pure.
fn rest(plan: &Skip, now: Position) -> Result<Skip, ProjectorError> {
    let wanted = plan.wanted;
    let begun_anew = now.offset < plan.found.offset
        || (plan.found.identity.is_some() && now.identity != plan.found.identity);
    if begun_anew {
        // It was dropped, and began again meanwhile: what was planned was of its former life.
        return Err(super::unknown(&plan.projection, plan.version));
    }
    if now.offset >= wanted.offset {
        let (partition, at) = (plan.partition, now.offset);
        return Err(SeekError::Back { partition, at }.into());
    }
    let mut rest = plan.clone();
    rest.from = now.offset;
    rest.events = wanted.next.saturating_sub(now.next);
    rest.first.retain(|event| event.offset >= now.offset);
    Ok(rest)
}

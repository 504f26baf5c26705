//! Transactions that change letters beside running workers.
//!
//! They hold the positions of the version first, as every transaction of a worker does that parks, replays or counts
//! letters. So they see letters between two of those, and nobody waits in a ring.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::{DeadLettersError, HOLDS, LetterFilter};
use crate::letter::Head;
use crate::operations::Operations;
use crate::positions::IN_ORDER;
use crate::{ProjectorError, positions};

/// How long the positions are waited for, in seconds.
const PATIENCE: u32 = 5;

/// A topic and a partition of it.
pub(super) type Place = (String, i32);

/// Letters, by their numbers in each partition.
pub(super) type Numbers = BTreeMap<Place, Vec<i64>>;

/// The topics that letters are of, by name.
pub(super) fn topics(of: &Numbers) -> Vec<String> {
    let mut topics: Vec<_> = of.keys().map(|(topic, _)| topic.clone()).collect();
    topics.dedup();
    topics
}

impl Operations {
    /// Works while no worker of a version has a transaction under way.
    pub(super) async fn in_transaction<T>(
        &self,
        projection: &str,
        version: u32,
        work: impl Future<Output = Result<T, ProjectorError>>,
    ) -> Result<T, ProjectorError> {
        let _call = self.session.call();
        let begin = format!("BEGIN; SET LOCAL lock_timeout = '{PATIENCE}s'");
        self.run_letters(&begin).await?;
        let worked = async {
            self.hold(projection, version).await?;
            work.await
        };
        match worked.await {
            Ok(done) => self.run_letters("COMMIT").await.map(|()| done),
            Err(error) => {
                self.run_letters("ROLLBACK").await?;
                Err(error)
            }
        }
    }

    async fn hold(&self, projection: &str, version: u32) -> Result<(), ProjectorError> {
        let query = format!(
            "SELECT FROM {} WHERE projection = $1 AND version = $2 {IN_ORDER} FOR UPDATE",
            positions::table(&self.schema)
        );
        let number = version as i32;
        let held = self
            .session
            .client
            .query(&query, &[&projection, &number])
            .await;
        held.map(drop).map_err(|source| {
            const BUSY: [SqlState; 2] = [
                SqlState::LOCK_NOT_AVAILABLE,
                SqlState::T_R_DEADLOCK_DETECTED,
            ];
            match source.code().is_some_and(|code| BUSY.contains(code)) {
                false => self.letters_failed("hold the positions", source),
                true => DeadLettersError::Busy {
                    projection: projection.to_owned(),
                    version,
                    seconds: PATIENCE,
                    source,
                }
                .into(),
            }
        })
    }

    /// Hands on what is to be known of each letter of the partitions in which the filter holds for one. It is
    /// `wanted` where the filter holds. What is in memory is what the server has sent.
    pub(super) async fn heads(
        &self,
        (projection, version): (&str, u32),
        filter: &LetterFilter,
        order: &str,
        mut take: impl FnMut(Place, Head),
    ) -> Result<(), ProjectorError> {
        let table = self.letters();
        let query = format!(
            "SELECT topic, partition, sequence, aggregate, keys, {HOLDS} FROM {table} \
             WHERE projection = $1 AND version = $2 \
             AND (topic, partition) IN (SELECT topic, partition FROM {table} WHERE {HOLDS}) \
             ORDER BY topic {order}, partition {order}, sequence {order}"
        );
        let failed = |error| self.letters_failed("read the dead letters", error);
        let filter = LetterFilter {
            projection: Some(projection.to_owned()),
            version: Some(version),
            ..filter.clone()
        };
        let params = filter.params();
        let rows = self.session.client.query_raw(&query, params.all()).await;
        let mut rows = std::pin::pin!(rows.map_err(failed)?);
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            take((row.get(0), row.get(1)), head(&row));
        }
        Ok(())
    }

    /// Changes letters, each by its whole name, as workers do.
    pub(super) async fn change(
        &self,
        what: &str,
        (projection, version): (&str, u32),
        letters: &Numbers,
    ) -> Result<(), ProjectorError> {
        let change = format!(
            "{} WHERE projection = $1 AND version = $2 AND topic = $3 AND partition = $4 AND sequence = ANY ($5)",
            what.replace("{table}", &self.letters())
        );
        let version = version as i32;
        for ((topic, partition), numbers) in letters {
            let values: [&(dyn ToSql + Sync); 5] =
                [&projection, &version, topic, partition, numbers];
            let changed = self.session.client.execute(&change, &values).await;
            changed.map_err(|error| self.letters_failed("change the dead letters", error))?;
        }
        Ok(())
    }

    pub(super) async fn run_letters(&self, sql: &str) -> Result<(), ProjectorError> {
        let done = self.session.client.batch_execute(sql).await;
        done.map_err(|error| self.letters_failed("change the dead letters", error))
    }
}

fn head(row: &Row) -> Head {
    Head {
        sequence: row.get::<_, i64>(2) as u64,
        aggregate: row.get(3),
        keys: row.get(4),
        wanted: row.get(5),
        bytes: 0,
    }
}

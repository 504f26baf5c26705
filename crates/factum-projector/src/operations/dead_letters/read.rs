//! Which letters there are.

use serde::Serialize;
use tokio_postgres::Row;

use super::{HOLDS, LetterFilter};
use crate::ProjectorError;
use crate::operations::Operations;

const UTC: &str = r#"AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"#;

/// A key, or an aggregate, of which events are parked in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ParkedKey {
    /// The projection's name.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// The key as text; none where the whole aggregate is parked.
    pub key: Option<String>,
    /// The aggregate of the first letter.
    pub aggregate: String,
    /// How many letters it has. One of several keys counts for each.
    pub letters: u64,
    /// How many of them are asked to be replayed.
    pub asked: u64,
    /// The first letter's number in the partition.
    pub first: u64,
    /// When the first one was parked, in ISO 8601.
    pub parked_at: String,
    /// The error of the first letter that has one.
    pub error: Option<String>,
}

/// A dead letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The projection's name.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: u32,
    /// Its number in the partition.
    pub sequence: u64,
    /// Its offset.
    pub offset: u64,
    /// Its aggregate.
    pub aggregate: String,
    /// Its number in the aggregate.
    pub aggregate_version: u64,
    /// The event's name, if it could be decoded.
    pub event: Option<String>,
    /// The keys that are parked with it; none: its whole aggregate.
    pub keys: Vec<String>,
    /// Why it failed; none: it waits behind another.
    pub error: Option<String>,
    /// How often it failed.
    pub attempts: u32,
    /// When it was parked, in ISO 8601.
    pub parked_at: String,
    /// Since when it is asked to be replayed, in ISO 8601.
    pub replay_asked_at: Option<String>,
}

impl Operations {
    /// What is parked, by projection, version, topic, partition and key: at most `limit` of them.
    ///
    /// # Errors
    /// There is no table of dead letters, or Postgres fails.
    pub async fn parked_keys(
        &self,
        filter: &LetterFilter,
        limit: u32,
    ) -> Result<Vec<ParkedKey>, ProjectorError> {
        let query = format!(
            "SELECT projection, version, topic, partition, key, (array_agg(aggregate ORDER BY sequence))[1], count(*), \
                    count(replay_asked_at), min(sequence), to_char(min(parked_at) {UTC}), \
                    (array_agg(error ORDER BY sequence) FILTER (WHERE error IS NOT NULL))[1] \
             FROM {} LEFT JOIN LATERAL unnest(keys) AS key ON true WHERE {HOLDS} \
             GROUP BY projection, version, topic, partition, key, CASE WHEN key IS NULL THEN aggregate END \
             ORDER BY projection, version, topic, partition, min(sequence) LIMIT {limit}",
            self.letters()
        );
        let rows = self.look(&query, filter).await?;
        Ok(rows.iter().map(parked_key).collect())
    }

    /// Dead letters without their records, by projection, version, topic, partition and number: at most `limit` of
    /// them.
    ///
    /// # Errors
    /// There is no table of dead letters, or Postgres fails.
    pub async fn dead_letters(
        &self,
        filter: &LetterFilter,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, ProjectorError> {
        let rows = self.rows(filter, "NULL::bytea", limit).await?;
        Ok(rows.iter().map(dead_letter).collect())
    }

    /// The first dead letter for which a filter holds, with its framed value as it was read from the log.
    ///
    /// # Errors
    /// There is no table of dead letters, or Postgres fails.
    pub async fn dead_letter(
        &self,
        filter: &LetterFilter,
    ) -> Result<Option<(DeadLetter, Vec<u8>)>, ProjectorError> {
        let rows = self.rows(filter, "record_value", 1).await?;
        Ok(rows.first().map(|row| (dead_letter(row), row.get(14))))
    }

    /// The versions of a projection that have dead letters, in order.
    ///
    /// # Errors
    /// There is no table of dead letters, or Postgres fails.
    pub async fn parked_versions(&self, projection: &str) -> Result<Vec<u32>, ProjectorError> {
        let query = format!(
            "SELECT DISTINCT version FROM {} WHERE {HOLDS} ORDER BY version",
            self.letters()
        );
        let filter = LetterFilter {
            projection: Some(projection.to_owned()),
            ..LetterFilter::default()
        };
        let rows = self.look(&query, &filter).await?;
        Ok(rows.iter().map(|row| row.get::<_, i32>(0) as u32).collect())
    }

    /// The topics that have dead letters for which a filter holds, by name.
    ///
    /// # Errors
    /// There is no table of dead letters, or Postgres fails.
    pub async fn parked_topics(
        &self,
        filter: &LetterFilter,
    ) -> Result<Vec<String>, ProjectorError> {
        let query = format!(
            "SELECT DISTINCT topic FROM {} WHERE {HOLDS} ORDER BY topic",
            self.letters()
        );
        let rows = self.look(&query, filter).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn rows(
        &self,
        filter: &LetterFilter,
        value: &str,
        limit: u32,
    ) -> Result<Vec<Row>, ProjectorError> {
        let query = format!(
            "SELECT projection, version, topic, partition, sequence, \"offset\", aggregate, aggregate_version, event, \
                    keys, error, attempts, to_char(parked_at {UTC}), to_char(replay_asked_at {UTC}), {value} \
             FROM {} WHERE {HOLDS} ORDER BY projection, version, topic, partition, sequence LIMIT {limit}",
            self.letters()
        );
        self.look(&query, filter).await
    }

    async fn look(&self, query: &str, filter: &LetterFilter) -> Result<Vec<Row>, ProjectorError> {
        let _call = self.session.call();
        let params = filter.params();
        let rows = self.session.client.query(query, &params.all()).await;
        rows.map_err(|error| self.letters_failed("read the dead letters", error))
    }
}

fn parked_key(row: &Row) -> ParkedKey {
    ParkedKey {
        projection: row.get(0),
        version: row.get::<_, i32>(1) as u32,
        topic: row.get(2),
        partition: row.get::<_, i32>(3) as u32,
        key: row.get(4),
        aggregate: row.get(5),
        letters: row.get::<_, i64>(6) as u64,
        asked: row.get::<_, i64>(7) as u64,
        first: row.get::<_, i64>(8) as u64,
        parked_at: row.get(9),
        error: row.get(10),
    }
}

fn dead_letter(row: &Row) -> DeadLetter {
    DeadLetter {
        projection: row.get(0),
        version: row.get::<_, i32>(1) as u32,
        topic: row.get(2),
        partition: row.get::<_, i32>(3) as u32,
        sequence: row.get::<_, i64>(4) as u64,
        offset: row.get::<_, i64>(5) as u64,
        aggregate: row.get(6),
        aggregate_version: row.get::<_, i64>(7) as u64,
        event: row.get(8),
        keys: row.get(9),
        error: row.get(10),
        attempts: row.get::<_, i32>(11) as u32,
        parked_at: row.get(12),
        replay_asked_at: row.get(13),
    }
}

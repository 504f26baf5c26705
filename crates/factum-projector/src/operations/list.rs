//! Which projections there are.

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use super::Operations;
use super::parked::Parked;
use crate::positions::table;
use crate::{ProjectorError, VersionState, versions};

/// A version of a projection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ListedProjection {
    /// The projection's name.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// What it is to readers; none where that is not written down, as for versions that an older Factum
    /// projected.
    pub state: Option<VersionState>,
    /// Whether an operator has paused it.
    pub paused: bool,
    /// The topic that it reads.
    pub topic: String,
    /// The topic's partitions.
    pub partitions: u64,
    /// The events that it has come past, from the first one on: those that were applied, and those that are parked or
    /// were skipped.
    pub events: u64,
    /// Events that are parked: its dead letters. None where the role may not see them.
    pub parked: Option<u64>,
    /// Connections of its workers to this Postgres.
    pub sessions: u64,
}

impl Operations {
    /// All versions of all projections, by name, version and topic; none where no worker ever ran. One that was
    /// cancelled has no partitions, and one that an older Factum projected has no state.
    ///
    /// # Errors
    /// Postgres fails, or denies the look.
    pub async fn list(&self) -> Result<Vec<ListedProjection>, ProjectorError> {
        let query = format!(
            "SELECT projection, version, topic, partitions, events, \
             (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
              AND application_name = left('factum.' || projection || '.v' || version, 63)), \
             state, paused \
             FROM (SELECT projection, version, coalesce(p.topic, v.topic) AS topic, count(p.partition) AS partitions, \
                   coalesce(sum(next - 1), 0)::bigint AS events, min(state) AS state, \
                   coalesce(bool_or(paused), false) AS paused \
                   FROM {} v FULL JOIN {} p USING (projection, version) GROUP BY 1, 2, 3) AS it \
             ORDER BY projection, version, topic",
            versions::table(&self.schema),
            table(&self.schema)
        );
        let call = self.session.call();
        let rows = match self.session.client.query(&query, &[]).await {
            Ok(rows) => rows,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(ProjectorError::postgres("list the projections")(error)),
        };
        drop(call);
        let parked = self.parked().await?;
        Ok(rows.iter().map(|row| listed(row, &parked)).collect())
    }
}

/// Whether a table is not there: the first worker makes it.
pub(super) fn is_missing(error: &tokio_postgres::Error) -> bool {
    const MISSING: [SqlState; 2] = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
    error.code().is_some_and(|code| MISSING.contains(code))
}

fn listed(row: &Row, parked: &Parked) -> ListedProjection {
    let (version, topic) = (row.get::<_, i32>(1) as u32, row.get::<_, &str>(2));
    ListedProjection {
        projection: row.get(0),
        version,
        state: row.get::<_, Option<&str>>(6).and_then(VersionState::named),
        paused: row.get(7),
        parked: parked.of((row.get(0), version), topic, None),
        topic: topic.to_owned(),
        partitions: row.get::<_, i64>(3) as u64,
        events: row.get::<_, i64>(4) as u64,
        sessions: row.get::<_, i64>(5) as u64,
    }
}

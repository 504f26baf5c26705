//! How far each partition of a projection is, and who projects it.

use std::collections::BTreeMap;

use serde::Serialize;
use tokio_postgres::Row;

use super::Operations;
use super::parked::Parked;
use super::skip;
use crate::positions::table;
use crate::{ProjectorError, VersionState, failures, versions, workers};

/// A partition of a version of a projection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartitionProgress {
    /// The projection's name.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// What that is to readers.
    pub state: Option<VersionState>,
    /// Whether an operator has paused it.
    pub paused: bool,
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: u32,
    /// The offset up to which it is projected, exclusive.
    pub offset: u64,
    /// The valid events before the offset, from the first one on: those that were applied, and those that are parked
    /// or were skipped.
    pub events: u64,
    /// Events that are parked: its dead letters. None where the role may not see them.
    pub parked: Option<u64>,
    /// Events that operators had it pass over (`factum projection seek --skip`). None where the role may not see
    /// that.
    pub skipped: Option<u64>,
    /// Where the partition ends, exclusive: as its worker last saw it, or as the caller has asked the log.
    pub end: Option<u64>,
    /// Records between the two.
    pub lag: Option<u64>,
    /// How long ago the log ended where the partition is projected to, in seconds, rounded up: what
    /// readers see is not older. Its worker knows, if it ran by then.
    pub lag_seconds: Option<u64>,
    /// The worker that projects it: its number, and what it does.
    pub worker: Option<String>,
    /// Events a second that this worker projects, of all its partitions.
    pub per_second: Option<u64>,
    /// What went wrong last, and still does: what interrupts the worker, with what error one ended, or why
    /// the version's last step failed.
    pub error: Option<String>,
    /// How a worker of this version ended, if that was an error: the last one, as long as the partition
    /// stands where it stood then, and may have records left.
    pub failure: Option<WorkerFailure>,
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WorkerFailure {
    /// The error and its causes.
    pub error: String,
    /// Which worker it was: the number that its status had.
    pub worker: String,
    /// The address from which it reached Postgres; none over a local socket.
    pub address: Option<String>,
    /// When that was, in ISO 8601.
    pub at: String,
    /// How long that is ago, in seconds.
    pub seconds_ago: u64,
}

impl PartitionProgress {
    /// The same, with the end that the log has told just now.
    #[must_use]
    pub fn with_end(mut self, end: u64) -> Self {
        let lag = end.saturating_sub(self.offset);
        (self.end, self.lag) = (Some(end), Some(lag));
        if lag == 0 {
            self.lag_seconds = Some(0);
            self.get_over_failure();
        }
        self
    }

    fn place(&self) -> Place {
        let topic = self.topic.clone();
        (self.projection.clone(), self.version, topic, self.partition)
    }

    /// Takes in how a worker ended, if the partition stands where it stood then and is not at its end.
    fn take_failure(&mut self, failed: Option<(u64, WorkerFailure)>) {
        let stands = |(offset, _): &(u64, WorkerFailure)| *offset == self.offset;
        let failed = failed.filter(stands).filter(|_| self.lag != Some(0));
        self.failure = failed.map(|(_, failure)| failure);
        let error = self.failure.as_ref().map(|it| it.error.clone());
        self.error = self.error.take().or(error);
    }

    /// A partition that is at its end has got past what ended a worker.
    fn get_over_failure(&mut self) {
        let failure = self.failure.take().map(|it| it.error);
        if failure.is_some() && failure == self.error {
            self.error = None;
        }
    }
}

/// What a worker last said about one of its partitions.
struct Said {
    worker: String,
    per_second: Option<u64>,
    interruption: Option<String>,
    end: Option<u64>,
    lag_seconds: Option<u64>,
}

/// A partition of a version's topic.
type Place = (String, u32, String, u32);

/// How workers ended, and the offset at which the partition stood then.
type Failures = BTreeMap<Place, (u64, WorkerFailure)>;

/// How many events operators had passed over.
type Skips = BTreeMap<Place, u64>;

/// By projection, version, topic and partition; workers of earlier builds name no topic.
type Saying = BTreeMap<(String, u32, Option<String>, u32), Said>;

impl Operations {
    /// How far each partition is, by projection, version, topic and number; none where no worker ever
    /// ran. What workers say is at most some ten seconds old; who was not seen for half a minute says nothing.
    ///
    /// # Errors
    /// Postgres fails, or denies the look.
    pub async fn status(&self) -> Result<Vec<PartitionProgress>, ProjectorError> {
        let query = format!(
            "SELECT projection, version, topic, partition, \"offset\", next, paused, state, failure \
             FROM {} LEFT JOIN (SELECT projection, version, state, failure FROM {}) v USING (projection, version) \
             ORDER BY projection, version, topic, partition",
            table(&self.schema),
            versions::table(&self.schema)
        );
        let call = self.session.call();
        let rows = match self.session.client.query(&query, &[]).await {
            Ok(rows) => rows,
            Err(error) if super::list::is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(ProjectorError::postgres("read the positions")(error)),
        };
        drop(call);
        let (said, parked) = (self.said().await?, self.parked().await?);
        let (mut failures, skips) = (self.failures().await?, self.skips().await?);
        let progress = rows.iter().map(|row| {
            let mut progress = progress(row, &said, &parked);
            let failure = failures.remove(&progress.place());
            progress.take_failure(failure);
            let skipped = |skips: &Skips| skips.get(&progress.place()).copied().unwrap_or(0);
            progress.skipped = skips.as_ref().map(skipped);
            progress
        });
        Ok(progress.collect())
    }

    async fn said(&self) -> Result<Saying, ProjectorError> {
        let query = format!(
            "SELECT projection, version, left(id::text, 8) || ' ' || phase, per_second, interruption, \
             (it->>'partition')::int, (it->>'end')::bigint, (it->>'lag_seconds')::bigint, it->>'topic' \
             FROM {}, jsonb_array_elements(owned) AS it \
             WHERE seen_at > now() - interval '30 seconds' ORDER BY seen_at",
            workers::table(&self.schema)
        );
        let _call = self.session.call();
        let rows = match self.session.client.query(&query, &[]).await {
            Err(error) if super::list::is_missing(&error) => return Ok(Saying::new()),
            rows => rows.map_err(ProjectorError::postgres("read what workers say"))?,
        };
        let number = |row: &Row, at: usize| row.get::<_, Option<i64>>(at).map(|it| it as u64);
        let said = |row: &Row| {
            let which = (
                row.get(0),
                row.get::<_, i32>(1) as u32,
                row.get(8),
                row.get::<_, i32>(5) as u32,
            );
            let said = Said {
                worker: row.get(2),
                per_second: number(row, 3),
                interruption: row.get(4),
                end: number(row, 6),
                lag_seconds: number(row, 7),
            };
            (which, said)
        };
        Ok(rows.iter().map(said).collect())
    }
}

impl Operations {
    /// How workers of each version ended last; nothing where the role may not see it.
    async fn failures(&self) -> Result<Failures, ProjectorError> {
        let table = failures::table(&self.schema);
        let failed = || ProjectorError::postgres("read how workers ended");
        if self.may_see(&table).await? != Some(true) {
            return Ok(Failures::new());
        }
        let query = format!(
            "SELECT projection, version, topic, partition, \"offset\", error, worker, address, \
             to_char(failed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
             greatest(extract(epoch FROM now() - failed_at), 0)::bigint FROM {table}"
        );
        let (_call, client) = (self.session.call(), &self.session.client);
        let rows = client.query(&query, &[]).await.map_err(failed())?;
        Ok(rows.iter().map(failure).collect())
    }
}

impl Operations {
    /// How many events operators had passed over; none where the role may not see that.
    async fn skips(&self) -> Result<Option<Skips>, ProjectorError> {
        let table = skip::skips(&self.schema);
        match self.may_see(&table).await? {
            None => return Ok(Some(Skips::new())),
            Some(false) => return Ok(None),
            Some(true) => {}
        }
        let query = format!(
            "SELECT projection, version, topic, partition, sum(events)::bigint FROM {table} GROUP BY 1, 2, 3, 4"
        );
        let (_call, client) = (self.session.call(), &self.session.client);
        let rows = client.query(&query, &[]).await;
        let rows = rows.map_err(ProjectorError::postgres("read what was passed over"))?;
        let skips = rows.iter().map(|row| {
            let number = |column: usize| row.get::<_, i32>(column) as u32;
            let place = (row.get(0), number(1), row.get(2), number(3));
            (place, row.get::<_, i64>(4) as u64)
        });
        Ok(Some(skips.collect()))
    }
}

fn failure(row: &Row) -> (Place, (u64, WorkerFailure)) {
    let number = |column: usize| row.get::<_, i32>(column) as u32;
    let place = (row.get(0), number(1), row.get(2), number(3));
    let failure = WorkerFailure {
        error: row.get(5),
        worker: row.get(6),
        address: row.get(7),
        at: row.get(8),
        seconds_ago: row.get::<_, i64>(9) as u64,
    };
    (place, (row.get::<_, i64>(4) as u64, failure))
}

fn progress(row: &Row, said: &Saying, parked: &Parked) -> PartitionProgress {
    let (projection, version): (String, u32) = (row.get(0), row.get::<_, i32>(1) as u32);
    let (partition, offset) = (row.get::<_, i32>(3) as u32, row.get::<_, i64>(4) as u64);
    let topic: String = row.get(2);
    let parked = parked.of((&projection, version), &topic, Some(partition));
    let by = |topic: Option<&String>| {
        said.get(&(projection.clone(), version, topic.cloned(), partition))
    };
    let said = by(Some(&topic)).or_else(|| by(None));
    let end = said.and_then(|it| it.end);
    let interruption = said.and_then(|it| it.interruption.clone());
    PartitionProgress {
        projection,
        version,
        state: row.get::<_, Option<&str>>(7).and_then(VersionState::named),
        paused: row.get(6),
        topic,
        partition,
        offset,
        events: row.get::<_, i64>(5) as u64 - 1,
        parked,
        skipped: None,
        end,
        lag: end.map(|end| end.saturating_sub(offset)),
        lag_seconds: said.and_then(|it| it.lag_seconds),
        worker: said.map(|it| it.worker.clone()),
        per_second: said.and_then(|it| it.per_second),
        error: interruption.or_else(|| row.get(8)),
        failure: None,
    }
}

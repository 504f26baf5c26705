//! Positions: how far a projection has come in each partition, kept beside the rows it made.
//!
//! A position moves in the transaction that writes the rows, by compare-and-set. Whoever finds
//! another position than it left is behind another worker, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use factum_core::Position;
use tokio_postgres::{Client, Row, Statement};

use crate::batch::Move;
use crate::rebuild::{Place, Places};
use crate::session::{Server, Session};
use crate::sources::{Source, partition_in, slot, source_of};
use crate::sql::quote;
use crate::versions::Version;
use crate::{ProjectorError, dead_letters};

/// Whose positions, and in which table.
#[derive(Clone, Debug)]
pub(crate) struct Positions {
    pub schema: String,
    pub projection: &'static str,
    pub version: u32,
    /// The topics that it reads, by the first part of a slot.
    pub sources: Vec<Source>,
}

/// The statement that moves positions, prepared in one session.
pub(crate) struct Mover {
    statement: Statement,
}

/// The table of positions in a schema, quoted.
pub(crate) fn table(schema: &str) -> String {
    format!("{}.positions", quote(schema))
}

/// The channel that moves of positions are notified on, quoted: it is called like the table. Postgres
/// cuts off what is too long for a name, alike for those who speak and for those who listen.
pub(crate) fn channel(schema: &str) -> String {
    quote(&format!("{schema}.positions"))
}

/// Where a version stands in each partition; `how` may lock the positions.
pub(crate) async fn places(
    client: &Client,
    schema: &str,
    version: &Version,
    how: &str,
) -> Result<Places, ProjectorError> {
    let query = format!(
        "SELECT topic, partition, identity, next FROM {} WHERE projection = $1 AND version = $2 \
         {IN_ORDER} {how}",
        table(schema)
    );
    let number = version.version as i32;
    let rows = client.query(&query, &[&version.projection, &number]).await;
    let rows = rows.map_err(ProjectorError::postgres(format!(
        "read the positions of {version}"
    )))?;
    let place = |row: &Row| {
        let at = (row.get(0), row.get::<_, i32>(1) as u32);
        let next = row.get::<_, i64>(3) as u64;
        let identity = row.get(2);
        (at, Place { identity, next })
    };
    Ok(rows.iter().map(place).collect())
}

impl Positions {
    /// The table's name, quoted.
    pub(crate) fn table(&self) -> String {
        table(&self.schema)
    }

    /// The names of the topics, in an order of their own: the code's may change.
    pub(crate) fn topics(&self) -> String {
        let mut names: Vec<_> = self.sources.iter().map(|it| &*it.topic).collect();
        names.sort_unstable();
        names.join(" + ")
    }

    /// The topic of a slot.
    pub(crate) fn topic(&self, slot: u32) -> &str {
        &self.sources[source_of(slot)].topic
    }

    /// The partitions of slots, by topic: with its number, its name, and their own numbers.
    pub(crate) fn by_topic(&self, slots: &[u32]) -> Vec<(usize, &str, Vec<i32>)> {
        let topics = self.sources.iter().enumerate().map(|(source, it)| {
            let of = slots.iter().filter(|slot| source_of(**slot) == source);
            let partitions = of.map(|slot| partition_in(*slot) as i32).collect();
            (source, &*it.topic, partitions)
        });
        topics
            .filter(|(.., it): &(_, _, Vec<i32>)| !it.is_empty())
            .collect()
    }

    /// The projection's name with its version.
    pub(crate) fn name(&self) -> String {
        format!("{}.v{}", self.projection, self.version)
    }

    /// The statement that tells those who wait that positions move. They hear of it once the
    /// transaction that it belongs to is committed, and every session sees what it wrote.
    pub(crate) fn notify(&self) -> String {
        notify(&channel(&self.schema), self.projection)
    }

    /// Makes the table if it is not there. The caller holds the lock of the start.
    pub(crate) async fn create_table(&self, client: &Client) -> Result<(), ProjectorError> {
        let failed = || ProjectorError::postgres(format!("create the table {}", self.table()));
        let find = "SELECT to_regnamespace($1) IS NOT NULL, to_regclass($2) IS NOT NULL, \
                    array(SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass($2)), \
                    to_regclass($3) IS NOT NULL";
        let letters = dead_letters::table(&self.schema);
        let found = client
            .query_one(find, &[&quote(&self.schema), &self.table(), &letters])
            .await
            .map_err(failed())?;
        let mut create = String::new();
        if !found.get::<_, bool>(0) {
            create += &format!("CREATE SCHEMA {};", quote(&self.schema));
        }
        if !found.get::<_, bool>(1) {
            create += &include_str!("positions.sql").replace("{table}", &self.table());
        } else {
            let columns: Vec<String> = found.get(2);
            create += &self.upgrade(&columns, found.get(3));
        }
        client.batch_execute(&create).await.map_err(failed())
    }

    /// Adds what a table of positions that an earlier build made does not have yet: by then, events may
    /// have been parked.
    fn upgrade(&self, columns: &[String], letters: bool) -> String {
        let flags = ["paused", "parked"].into_iter();
        let missing = flags.filter(|flag| !columns.iter().any(|column| column == flag));
        let add = missing.map(|flag| {
            let table = self.table();
            format!("ALTER TABLE {table} ADD COLUMN {flag} boolean NOT NULL DEFAULT false;")
        });
        let mut upgrade: String = add.collect();
        if letters && !columns.iter().any(|column| column == "parked") {
            let note = include_str!("note_parked.sql").replace("{table}", &self.table());
            upgrade += &note.replace("{letters}", &dead_letters::table(&self.schema));
        }
        upgrade
    }

    /// Whether an operator has paused the version.
    pub(crate) async fn are_paused(&self, client: &Client) -> Result<bool, ProjectorError> {
        let query = format!(
            "SELECT EXISTS (SELECT FROM {} WHERE projection = $1 AND version = $2 AND topic = ANY ($3) AND paused)",
            self.table()
        );
        let topics: Vec<_> = self.sources.iter().map(|it| &*it.topic).collect();
        let (version, failed) = (self.version as i32, "see whether this version is paused");
        let row = client
            .query_one(&query, &[&self.projection, &version, &topics])
            .await;
        Ok(row.map_err(ProjectorError::postgres(failed))?.get(0))
    }

    /// The error when a partition has no position.
    pub(crate) fn missing(&self, slot: u32) -> ProjectorError {
        ProjectorError::NoPosition {
            topic: self.topic(slot).to_owned(),
            partition: partition_in(slot),
            table: self.table(),
        }
    }

    /// How to project all events once more, for messages.
    pub(crate) fn how_to_begin_again(&self) -> String {
        let (table, projection, version) = (self.table(), self.projection, self.version);
        format!(
            "stop all workers of this projection, empty the table, and start them (they delete its dead letters, too, whose \
             events come again) after DELETE FROM {table} \
             WHERE projection = '{projection}' AND version = {version}"
        )
    }

    /// Starts every partition.
    pub(crate) async fn begin(&self, client: &Client) -> Result<(), ProjectorError> {
        let insert = format!(
            "INSERT INTO {} (projection, version, topic, partition, \"offset\", epoch, next, closed) \
             SELECT $1, $2, $3, partition, 0, 0, 1, false FROM generate_series(0, $4) AS partition",
            self.table()
        );
        let version = self.version as i32;
        for Source { topic, partitions } in &self.sources {
            let last = *partitions as i32 - 1;
            client
                .execute(&insert, &[&self.projection, &version, topic, &last])
                .await
                .map_err(ProjectorError::postgres("write the first positions"))?;
        }
        Ok(())
    }

    /// The positions of all partitions, as committed.
    pub(crate) async fn all(
        &self,
        client: &Client,
    ) -> Result<BTreeMap<u32, Position>, ProjectorError> {
        let query = self.select("");
        let mut all = BTreeMap::new();
        for (source, Source { topic, .. }) in self.sources.iter().enumerate() {
            let rows = client
                .query(&query, &[&self.projection, &(self.version as i32), topic])
                .await
                .map_err(ProjectorError::postgres("read the positions"))?;
            all.extend(rows.iter().map(|row| position(source, row)));
        }
        Ok(all)
    }

    /// The positions of some partitions, once nobody has a transaction under way that moves them.
    /// A worker of this projection that is in the way for longer than `patience` loses its session:
    /// it was stopped, or is cut off, and would hold its locks until somebody looks.
    pub(crate) async fn settled(
        &self,
        server: &Server,
        session: &Session,
        partitions: &[u32],
        patience: Duration,
    ) -> Result<BTreeMap<u32, Position>, ProjectorError> {
        let mut positions = BTreeMap::new();
        for (source, topic, wanted) in self.by_topic(partitions) {
            let at = (topic, &wanted[..]);
            let rows = self.settled_in(server, session, at, patience).await?;
            positions.extend(rows.iter().map(|row| position(source, row)));
        }
        match partitions.iter().find(|p| !positions.contains_key(p)) {
            None => Ok(positions),
            Some(&partition) => Err(self.missing(partition)),
        }
    }

    /// The positions of some partitions of one topic.
    async fn settled_in(
        &self,
        server: &Server,
        session: &Session,
        (topic, partitions): (&str, &[i32]),
        patience: Duration,
    ) -> Result<Vec<Row>, ProjectorError> {
        let query = self.select("AND partition = ANY($4) ORDER BY partition FOR UPDATE");
        let version = self.version as i32;
        let params = [
            &self.projection as &(dyn tokio_postgres::types::ToSql + Sync),
            &version,
            &topic,
            &partitions,
        ];
        let rows = session.client.query(&query, &params);
        tokio::pin!(rows);
        loop {
            tokio::select! {
                rows = &mut rows => {
                    return rows.map_err(ProjectorError::postgres("read the positions"));
                }
                () = tokio::time::sleep(patience) => end_blockers(server, session.pid).await,
            }
        }
    }

    fn select(&self, which: &str) -> String {
        format!(
            "SELECT {COLUMNS} FROM {} \
             WHERE projection = $1 AND version = $2 AND topic = $3 {which}",
            self.table()
        )
    }

    pub(crate) async fn mover(&self, client: &Client) -> Result<Mover, ProjectorError> {
        let statement = client
            .prepare(&include_str!("move.sql").replace("{table}", &self.table()))
            .await
            .map_err(ProjectorError::postgres("prepare the move of positions"))?;
        Ok(Mover { statement })
    }

    /// Moves positions, and returns those that stood elsewhere than expected: another worker is
    /// ahead there, and the transaction must be undone.
    pub(crate) async fn advance(
        &self,
        client: &Client,
        mover: &Mover,
        moves: &BTreeMap<u32, Move>,
    ) -> Result<Vec<u32>, tokio_postgres::Error> {
        let topics: Vec<_> = moves.keys().map(|slot| self.topic(*slot)).collect();
        let partitions: Vec<_> = moves
            .keys()
            .map(|slot| partition_in(*slot) as i32)
            .collect();
        let from = Columns::of(moves.values().map(|step| step.from));
        let to = Columns::of(moves.values().map(|step| step.to));
        let version = self.version as i32;
        let moved = client
            .query(
                &mover.statement,
                &[
                    &self.projection,
                    &version,
                    &topics,
                    &partitions,
                    &from.identity,
                    &from.offset,
                    &from.epoch,
                    &from.next,
                    &from.closed,
                    &to.identity,
                    &to.offset,
                    &to.epoch,
                    &to.next,
                    &to.closed,
                ],
            )
            .await?;
        let moved: BTreeSet<(&str, i32)> =
            moved.iter().map(|row| (row.get(0), row.get(1))).collect();
        let stays =
            |slot: &&u32| !moved.contains(&(self.topic(**slot), partition_in(**slot) as i32));
        Ok(moves.keys().filter(stays).copied().collect())
    }
}

/// Positions as arrays, one for each column.
#[derive(Default)]
struct Columns {
    identity: Vec<Option<uuid::Uuid>>,
    offset: Vec<i64>,
    epoch: Vec<i64>,
    next: Vec<i64>,
    closed: Vec<bool>,
}

impl Columns {
    fn of(positions: impl Iterator<Item = Position>) -> Self {
        let mut columns = Self::default();
        for position in positions {
            columns.identity.push(position.identity);
            columns.offset.push(position.offset as i64);
            columns.epoch.push(position.epoch as i64);
            columns.next.push(position.next as i64);
            columns.closed.push(position.closed);
        }
        columns
    }
}

/// The statement that tells a projection's name on a channel.
pub(crate) fn notify(channel: &str, projection: &str) -> String {
    let projection = projection.replace('\'', "''").replace('\\', "\\\\");
    format!("NOTIFY {channel}, E'{projection}'")
}

/// The order in which positions are locked by all who lock several of them in a transaction, so that they do not wait
/// for each other in a ring, as `move.sql` does. By bytes: what a collation makes of a topic's name is not the same on all servers.
pub(crate) const IN_ORDER: &str = "ORDER BY topic COLLATE \"C\", partition";

/// The columns that tell a position, as [`position`] reads them: before any others.
pub(crate) const COLUMNS: &str = "partition, identity, \"offset\", epoch, next, closed";

/// The position that a row of a topic tells, with its slot.
pub(crate) fn position(source: usize, row: &Row) -> (u32, Position) {
    let number = |column: usize| row.get::<_, i64>(column) as u64;
    let position = Position {
        identity: row.get(1),
        offset: number(2),
        epoch: number(3),
        next: number(4),
        closed: row.get(5),
    };
    (slot(source, row.get::<_, i32>(0) as u32), position)
}

/// Ends the sessions of this projection's workers that the session `waiting` waits for. Says so,
/// and says who else is in the way.
async fn end_blockers(server: &Server, waiting: i32) {
    let query = "SELECT pid, coalesce(application_name, ''), \
                 CASE WHEN application_name = $2 THEN pg_terminate_backend(pid) ELSE false END \
                 FROM unnest(pg_blocking_pids($1)) AS blocker \
                 JOIN pg_stat_activity ON pid = blocker";
    let blockers = async {
        let session = server.connect().await?;
        let rows = session
            .client
            .query(query, &[&waiting, &server.application])
            .await;
        rows.map_err(ProjectorError::postgres("end a stopped worker's session"))
    };
    match blockers.await {
        Err(error) => tracing::warn!(error = factum_core::chain(&error), "still waiting"),
        Ok(rows) => rows.iter().for_each(|row| {
            let (pid, name): (i32, &str) = (row.get(0), row.get(1));
            if row.get(2) {
                tracing::warn!(
                    pid,
                    "ended the session of a worker that held on to a partition"
                );
            } else {
                tracing::warn!(
                    pid,
                    name,
                    "a session holds on to this projection's positions"
                );
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_told_apart_by_topic() {
        let sources = ["b", "a", "c"].map(|topic| Source {
            topic: topic.into(),
            partitions: 4,
        });
        let positions = Positions {
            schema: "factum".into(),
            projection: "p",
            version: 1,
            sources: sources.into(),
        };
        let owned = [slot(0, 1), slot(0, 3), slot(2, 1)];
        assert_eq!(
            positions.by_topic(&owned),
            [(0, "b", vec![1, 3]), (2, "c", vec![1])]
        );
        assert_eq!(positions.topics(), "a + b + c");
    }
}

//! The table of dead letters, beside the positions.

use std::collections::BTreeSet;

use async_trait::async_trait;
use futures::future::try_join_all;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use crate::letter::{Ask, Head, Letter, Record};
use crate::parked::{Lane, Parked};
use crate::positions::{self, Positions};
use crate::postgres::PostgresSession;
use crate::sources::{Source, partition_in, slot};
use crate::sql::quote;
use crate::store::DeadLetters;
use crate::versions::Version;
use crate::{ProjectorError, sql};

/// How many letters are sent at once.
const AT_ONCE: usize = 500;

type Params<'a> = Vec<(&'a (dyn ToSql + Sync), Type)>;

/// The table of dead letters in a schema, quoted.
pub(crate) fn table(schema: &str) -> String {
    format!("{}.dead_letters", quote(schema))
}

/// The channel on which replays are asked for, quoted.
pub(crate) fn channel(schema: &str) -> String {
    quote(&format!("{schema}.dead_letters"))
}

/// Makes the table if it is not there. The caller holds the lock of the start.
pub(crate) async fn create_table(client: &Client, schema: &str) -> Result<(), ProjectorError> {
    let table = table(schema);
    let failed = || ProjectorError::postgres(format!("create the table {table}"));
    if !is_there(client, &table).await.map_err(failed())? {
        let create = include_str!("dead_letters.sql").replace("{table}", &table);
        client.batch_execute(&create).await.map_err(failed())?;
    }
    Ok(())
}

/// Takes the letters of a version away, if there is a table of them, in the caller's transaction. It has taken the
/// positions away before, so no worker adds to them.
pub(crate) async fn forget(
    client: &Client,
    schema: &str,
    version: &Version,
) -> Result<(), ProjectorError> {
    let whose = (&*version.projection, version.version, None);
    delete(client, schema, whose).await.map(drop)
}

/// Takes away what a version has parked of the topics that it is about to begin, if there is a table of letters, in the
/// caller's transaction. Returns how many there were.
pub(crate) async fn forget_begun(
    client: &Client,
    positions: &Positions,
) -> Result<u64, ProjectorError> {
    let mut deleted = 0;
    for Source { topic, .. } in &positions.sources {
        let whose = (positions.projection, positions.version, Some(&**topic));
        deleted += delete(client, &positions.schema, whose).await?;
    }
    Ok(deleted)
}

/// Deletes the letters of a version, of one topic or of all.
async fn delete(
    client: &Client,
    schema: &str,
    (projection, version, topic): (&str, u32, Option<&str>),
) -> Result<u64, ProjectorError> {
    let table = table(schema);
    let failed = || ProjectorError::postgres(format!("delete dead letters from {table}"));
    if !is_there(client, &table).await.map_err(failed())? {
        return Ok(0);
    }
    let delete = format!(
        "DELETE FROM {table} WHERE projection = $1 AND version = $2 AND ($3::text IS NULL OR topic = $3)"
    );
    let version = version as i32;
    let deleted = client
        .execute(&delete, &[&projection, &version, &topic])
        .await;
    deleted.map_err(failed())
}

/// How many events a version has parked that another one shows: of topics that both read.
pub(crate) async fn lacking(
    client: &Client,
    schema: &str,
    version: &Version,
    beside: &Version,
) -> Result<u64, ProjectorError> {
    let table = table(schema);
    let failed = || ProjectorError::postgres("count dead letters");
    if !is_there(client, &table).await.map_err(failed())? {
        return Ok(0);
    }
    let count = format!(
        "SELECT count(*) FROM {table} AS it WHERE projection = $1 AND version = $2 AND NOT EXISTS (\
         SELECT FROM {table} AS other WHERE other.projection = it.projection AND other.version = $3 \
         AND other.topic = it.topic AND other.partition = it.partition AND other.sequence = it.sequence) \
         AND topic IN (SELECT topic FROM {} WHERE projection = $1 AND version = $3)",
        positions::table(schema)
    );
    let [one, other] = [version, beside].map(|it| it.version as i32);
    let counted = client
        .query_one(&count, &[&version.projection, &one, &other])
        .await;
    Ok(counted.map_err(failed())?.get::<_, i64>(0) as u64)
}

async fn is_there(client: &Client, table: &str) -> Result<bool, tokio_postgres::Error> {
    let find = "SELECT to_regclass($1) IS NOT NULL";
    let found = client.query_typed(find, &[(&table, Type::TEXT)]).await?;
    Ok(found[0].get(0))
}

impl PostgresSession {
    fn letters(&self) -> String {
        table(&self.place.positions.schema)
    }

    /// `WHERE` the letters are this projection's; its parameters are the first three.
    fn ours(&self) -> &'static str {
        "WHERE projection = $1 AND version = $2 AND topic = $3"
    }

    /// Runs one statement in one round trip: $1 to $3 are this projection, version and the topic.
    async fn ask(
        &self,
        doing: &str,
        sql: &str,
        topic: &str,
        more: Params<'_>,
    ) -> Result<Vec<tokio_postgres::Row>, ProjectorError> {
        let _call = self.connection.call();
        let Positions {
            projection,
            version,
            ..
        } = &self.place.positions;
        let version = *version as i32;
        let mut params: Params<'_> = vec![
            (projection, Type::TEXT),
            (&version, Type::INT4),
            (&topic, Type::TEXT),
        ];
        params.extend(more);
        let rows = self.connection.client.query_typed(sql, &params).await;
        rows.map_err(ProjectorError::postgres(doing))
    }

    async fn park_one(&self, letter: &Letter) -> Result<(), ProjectorError> {
        let insert = format!(
            "INSERT INTO {} (projection, version, topic, partition, sequence, \"offset\", aggregate, \
             aggregate_version, event, keys, record_key, record_header, record_value, error, attempts) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            self.letters()
        );
        let (topic, partition) = self.place_of(letter.partition);
        let [sequence, offset, version] =
            [letter.sequence, letter.offset, letter.version].map(|number| number as i64);
        let attempts = letter.attempts as i32;
        let Record { key, header, value } = &letter.record;
        let params: Params<'_> = vec![
            (&partition, Type::INT4),
            (&sequence, Type::INT8),
            (&offset, Type::INT8),
            (&letter.aggregate, Type::TEXT),
            (&version, Type::INT8),
            (&letter.event, Type::TEXT),
            (&letter.keys, Type::TEXT_ARRAY),
            (key, Type::BYTEA),
            (header, Type::BYTEA),
            (value, Type::BYTEA),
            (&letter.error, Type::TEXT),
            (&attempts, Type::INT4),
        ];
        let parked = self.ask("park an event", &insert, topic, params).await;
        parked.map(drop)
    }

    /// Whether letters may be there. A worker that does not park needs no privilege on a table in which others
    /// park: that none of its own are there, it sees by its positions. One that has the privilege looks, since
    /// workers of builds before this did not note there that they parked.
    async fn may_be_parked(&self) -> Result<bool, ProjectorError> {
        let Positions {
            schema,
            projection,
            version,
            ..
        } = &self.place.positions;
        let find = format!(
            "SELECT to_regclass($1) IS NOT NULL AND ($2 OR has_table_privilege(to_regclass($1), 'SELECT') \
             OR EXISTS (SELECT FROM {} WHERE projection = $3 AND version = $4 AND parked))",
            positions::table(schema)
        );
        let (letters, version) = (self.letters(), *version as i32);
        let params: Params<'_> = vec![
            (&letters, Type::TEXT),
            (&self.place.parks, Type::BOOL),
            (projection, Type::TEXT),
            (&version, Type::INT4),
        ];
        let _call = self.connection.call();
        let found = self.connection.client.query_typed(&find, &params).await;
        Ok(found.map_err(ProjectorError::postgres("look for dead letters"))?[0].get(0))
    }

    /// Notes at the positions, which the transaction moves, that events of theirs are parked.
    async fn note_parked(&self, letters: &[Letter]) -> Result<(), ProjectorError> {
        let note = format!(
            "UPDATE {} {} AND partition = ANY ($4) AND NOT parked",
            positions::table(&self.place.positions.schema) + " SET parked = true",
            self.ours()
        );
        let slots: BTreeSet<u32> = letters.iter().map(|letter| letter.partition).collect();
        let slots: Vec<u32> = slots.into_iter().collect();
        for (_, topic, partitions) in self.place.positions.by_topic(&slots) {
            let params: Params<'_> = vec![(&partitions, Type::INT4_ARRAY)];
            self.ask("note that events are parked", &note, topic, params)
                .await?;
        }
        Ok(())
    }

    /// The topic of a slot, and its partition there.
    fn place_of(&self, slot: u32) -> (&str, i32) {
        (self.place.positions.topic(slot), partition_in(slot) as i32)
    }

    async fn listen(&self) -> Result<(), ProjectorError> {
        let listen = format!("LISTEN {}", channel(&self.place.positions.schema));
        self.run(&listen, "listen for replays").await
    }

    /// The lanes that letters of a topic keep, with their slots.
    async fn lanes(
        &self,
        (source, topic): (usize, &str),
        partitions: &[i32],
    ) -> Result<Vec<(u32, Lane)>, ProjectorError> {
        let (table, ours) = (self.letters(), self.ours());
        let select = format!(
            "SELECT DISTINCT partition, true, key FROM {table}, unnest(keys) AS key {ours} AND partition = ANY ($4) \
             UNION ALL \
             SELECT DISTINCT partition, false, aggregate FROM {table} {ours} AND partition = ANY ($4) AND keys = '{{}}'"
        );
        let params = vec![(&partitions as _, Type::INT4_ARRAY)];
        let doing = "read what is parked";
        let rows = self.ask(doing, &select, topic, params).await?;
        let lane = |row: &tokio_postgres::Row| {
            let lane = match row.get(1) {
                true => Lane::key(row.get(2)),
                false => Lane::aggregate(row.get(2)),
            };
            (slot(source, row.get::<_, i32>(0) as u32), lane)
        };
        Ok(rows.iter().map(lane).collect())
    }
}

#[async_trait]
impl DeadLetters for PostgresSession {
    /// Counts first: what is taken away between the two looks is noticed by the next count.
    async fn parked(&self, partitions: &[u32]) -> Result<Parked, ProjectorError> {
        let table = self.letters();
        if !self.may_be_parked().await? || self.count(partitions).await? == 0 {
            return Ok(Parked::default());
        }
        self.listen().await?;
        let select = format!(
            "SELECT count(*), coalesce(bool_or(replay_asked_at IS NOT NULL), false) FROM {table} {} \
             AND partition = ANY ($4)",
            self.ours()
        );
        let (mut letters, mut asked, mut lanes) = (0, false, Vec::new());
        for (source, topic, partitions) in self.place.positions.by_topic(partitions) {
            let params: Params<'_> = vec![(&partitions, Type::INT4_ARRAY)];
            let doing = "read what is parked";
            let rows = self.ask(doing, &select, topic, params).await?;
            letters += rows[0].get::<_, i64>(0) as u64;
            asked |= rows[0].get::<_, bool>(1);
            lanes.extend(self.lanes((source, topic), &partitions).await?);
        }
        let mut parked = Parked::load(letters, asked);
        for (slot, lane) in lanes {
            parked.keep(slot, lane);
        }
        Ok(parked)
    }

    async fn asked(&self) {
        self.heard.notified().await;
    }

    async fn count(&self, partitions: &[u32]) -> Result<u64, ProjectorError> {
        let (table, ours) = (self.letters(), self.ours());
        let select = format!("SELECT count(*) FROM {table} {ours} AND partition = ANY ($4)");
        let each = self.place.positions.by_topic(partitions).into_iter();
        let counted = try_join_all(each.map(async |(_, topic, partitions)| {
            let params: Params<'_> = vec![(&partitions, Type::INT4_ARRAY)];
            let doing = "count the dead letters";
            let rows = self.ask(doing, &select, topic, params).await?;
            Ok::<_, ProjectorError>(rows[0].get::<_, i64>(0) as u64)
        }));
        Ok(counted.await?.into_iter().sum())
    }

    async fn park(&self, letters: &[Letter]) -> Result<(), ProjectorError> {
        for some in letters.chunks(AT_ONCE) {
            try_join_all(some.iter().map(|letter| self.park_one(letter))).await?;
        }
        self.note_parked(letters).await?;
        self.listen().await
    }

    async fn asks(&self, partition: u32) -> Result<Vec<Ask>, ProjectorError> {
        let select = format!(
            "SELECT DISTINCT replay_asked_at FROM {} {} AND partition = $4 AND replay_asked_at IS NOT NULL",
            self.letters(),
            self.ours()
        );
        let (topic, partition) = self.place_of(partition);
        let params: Params<'_> = vec![(&partition, Type::INT4)];
        let doing = "see which dead letters are to be replayed";
        let rows = self.ask(doing, &select, topic, params).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn heads(
        &self,
        (partition, asks): (u32, &[Ask]),
        after: u64,
        limit: usize,
    ) -> Result<Vec<Head>, ProjectorError> {
        let select = format!(
            "SELECT sequence, aggregate, keys, coalesce(replay_asked_at = ANY ($7), false), \
                    octet_length(record_header) + octet_length(record_value) \
             FROM {} {} AND partition = $4 AND sequence > $5 ORDER BY sequence LIMIT $6",
            self.letters(),
            self.ours()
        );
        let (topic, partition) = self.place_of(partition);
        let (after, limit) = (after as i64, limit as i64);
        let params: Params<'_> = vec![
            (&partition, Type::INT4),
            (&after, Type::INT8),
            (&limit, Type::INT8),
            (&asks, Type::TIMESTAMPTZ_ARRAY),
        ];
        let doing = "read the dead letters";
        let rows = self.ask(doing, &select, topic, params).await?;
        let head = |row: &tokio_postgres::Row| Head {
            sequence: row.get::<_, i64>(0) as u64,
            aggregate: row.get(1),
            keys: row.get(2),
            wanted: row.get(3),
            bytes: row.get::<_, i32>(4) as usize,
        };
        Ok(rows.iter().map(head).collect())
    }

    async fn read(&self, partition: u32, sequences: &[u64]) -> Result<Vec<Letter>, ProjectorError> {
        let select = format!(
            "SELECT sequence, \"offset\", aggregate, aggregate_version, event, keys, record_key, record_header, \
                    record_value, error, attempts \
             FROM {} {} AND partition = $4 AND sequence = ANY ($5) ORDER BY sequence FOR UPDATE",
            self.letters(),
            self.ours()
        );
        let ((topic, at), sequences) = (self.place_of(partition), numbers(sequences));
        let params: Params<'_> = vec![(&at, Type::INT4), (&sequences, Type::INT8_ARRAY)];
        let doing = "read dead letters";
        let rows = self.ask(doing, &select, topic, params).await?;
        Ok(rows.iter().map(|row| letter(partition, row)).collect())
    }

    async fn remove(&self, partition: u32, sequences: &[u64]) -> Result<(), ProjectorError> {
        let (table, ours) = (self.letters(), self.ours());
        let delete =
            format!("DELETE FROM {table} {ours} AND partition = $4 AND sequence = ANY ($5)");
        let ((topic, partition), sequences) = (self.place_of(partition), numbers(sequences));
        let params: Params<'_> = vec![(&partition, Type::INT4), (&sequences, Type::INT8_ARRAY)];
        let doing = "take away the dead letters that were replayed";
        self.ask(doing, &delete, topic, params).await.map(drop)
    }

    async fn keep(
        &self,
        (partition, asks): (u32, &[Ask]),
        stay: &[(u64, Option<String>)],
    ) -> Result<(), ProjectorError> {
        let update = format!(
            "UPDATE {} SET error = coalesce($6, error), \
                    replay_asked_at = CASE WHEN replay_asked_at = ANY ($7) THEN NULL ELSE replay_asked_at END, \
                    attempts = attempts + CASE WHEN $6 IS NULL THEN 0 ELSE 1 END \
             {} AND partition = $4 AND sequence = $5",
            self.letters(),
            self.ours()
        );
        let (topic, partition) = self.place_of(partition);
        let each = stay.iter().map(async |(sequence, error)| {
            let sequence = *sequence as i64;
            let params: Params<'_> = vec![
                (&partition, Type::INT4),
                (&sequence, Type::INT8),
                (error, Type::TEXT),
                (&asks, Type::TIMESTAMPTZ_ARRAY),
            ];
            self.ask("keep a dead letter", &update, topic, params).await
        });
        try_join_all(each).await.map(drop)
    }

    /// The stage empties itself only when the transaction ends.
    async fn begin_part(&self) -> Result<(), ProjectorError> {
        let empty = match self.has_stage() {
            true => format!("DELETE FROM {};", sql::STAGE),
            false => String::new(),
        };
        let begin = format!("{empty} SAVEPOINT factum_part");
        self.run(&begin, "begin a part").await
    }

    /// A constraint that is checked at the end of the transaction is checked here, too.
    async fn end_part(&self) -> Result<(), ProjectorError> {
        let end = "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED; \
                   RELEASE SAVEPOINT factum_part";
        self.run(end, "end a part").await
    }

    async fn undo_part(&self) -> Result<(), ProjectorError> {
        let undo = "ROLLBACK TO SAVEPOINT factum_part; RELEASE SAVEPOINT factum_part";
        self.run(undo, "undo a part").await
    }
}

fn numbers(numbers: &[u64]) -> Vec<i64> {
    numbers.iter().map(|&number| number as i64).collect()
}

fn letter(partition: u32, row: &tokio_postgres::Row) -> Letter {
    let number = |column: usize| row.get::<_, i64>(column) as u64;
    Letter {
        partition,
        sequence: number(0),
        offset: number(1),
        aggregate: row.get(2),
        version: number(3),
        event: row.get(4),
        keys: row.get(5),
        record: Record {
            key: row.get(6),
            header: row.get(7),
            value: row.get(8),
        },
        error: row.get(9),
        attempts: row.get::<_, i32>(10) as u32,
    }
}

//! Which positions are waited for, and reading them.

use std::collections::BTreeMap;
use std::fmt;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::ReadModelOptions;
use super::waiters::Seen;
use crate::ProjectorError;
use crate::positions::{channel, table};
use crate::versions;

/// A version of a projection, and where its positions are.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    pub name: String,
    version: Option<u32>,
    topic: Option<String>,
    schema: String,
}

impl Projection {
    pub(super) fn new(name: &str, options: &ReadModelOptions) -> Self {
        Self {
            name: name.to_owned(),
            version: options.version,
            topic: options.topic.clone(),
            schema: options.schema.clone(),
        }
    }

    /// The table of positions, quoted.
    pub(super) fn table(&self) -> String {
        table(&self.schema)
    }

    /// What the connection of those who wait is called in `pg_stat_activity`, behind `factum.`
    pub(super) fn waits_as(&self) -> String {
        match self.version {
            Some(version) => format!("wait.{}.v{version}", self.name),
            None => format!("wait.{}", self.name),
        }
    }

    /// The version in question. Which one is live is read together with its positions: a switch changes
    /// both in one transaction, after the new one has come as far as the old one.
    fn which(&self) -> String {
        match self.version {
            Some(_) => "$2".into(),
            None => format!(
                "(SELECT version FROM {} WHERE projection = $1 AND state = 'live' AND $2::int4 IS NULL)",
                versions::table(&self.schema)
            ),
        }
    }

    /// Has the session be notified when positions have moved.
    pub(super) async fn listen(&self, client: &Client) -> Result<(), ProjectorError> {
        let listen = format!("LISTEN {}", channel(&self.schema));
        let done = client.batch_execute(&listen).await;
        done.map_err(ProjectorError::postgres("listen to moves of positions"))
    }

    /// How far the projection is now, in one round trip.
    pub(super) async fn read(&self, client: &Client) -> Result<Seen, ProjectorError> {
        let query = format!(
            "SELECT topic, partition, next FROM {} \
             WHERE projection = $1 AND ($3 IS NULL OR topic = $3) AND version = {}",
            self.table(),
            self.which()
        );
        let version = self.version.map(|version| version as i32);
        let params = [
            (&self.name as &(dyn ToSql + Sync), Type::TEXT),
            (&version, Type::INT4),
            (&self.topic, Type::TEXT),
        ];
        match client.query_typed(&query, &params).await {
            // The first worker makes them.
            Err(error) if is_missing(&error) => Ok(Seen::NotBegun),
            Err(error) => Err(ProjectorError::postgres("read the positions")(error)),
            Ok(rows) => Ok(seen(&rows)),
        }
    }
}

/// Topic, partition and next sequence, a row each.
fn seen(rows: &[Row]) -> Seen {
    let mut topics = BTreeMap::<String, BTreeMap<u32, u64>>::new();
    for row in rows {
        let (partition, next) = (row.get::<_, i32>(1), row.get::<_, i64>(2));
        let positions = topics.entry(row.get(0)).or_default();
        positions.insert(partition as u32, next as u64);
    }
    Seen::of(topics)
}

fn is_missing(error: &tokio_postgres::Error) -> bool {
    const MISSING: [SqlState; 2] = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
    error.code().is_some_and(|code| MISSING.contains(code))
}

impl fmt::Display for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{} version {version}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

//! What is parked, and what operators do about it: the table of dead letters, seen and changed beside the
//! workers that park and replay.

mod changes;
mod chosen;
mod discard;
mod read;
mod replay;

use tokio_postgres::types::ToSql;

use super::Operations;
use crate::{ProjectorError, dead_letters};

pub use discard::Discard;
pub use read::{DeadLetter, ParkedKey};
pub use replay::{Replay, ReplayProgress};

/// Which dead letters are meant: those for which everything that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterFilter {
    /// Of this projection.
    pub projection: Option<String>,
    /// Of this version.
    pub version: Option<u32>,
    /// Of this topic.
    pub topic: Option<String>,
    /// Parked under this key: as it is listed, or the plain text of one that is text.
    pub key: Option<String>,
    /// Of the aggregate with this id.
    pub id: Option<String>,
    /// The one with this partition and this number in it; one in each topic, unless the topic is given.
    pub letter: Option<(u32, u64)>,
}

/// Why nothing is seen of dead letters, or done about them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeadLettersError {
    /// There is no table.
    #[error(
        "schema {schema} has no table of dead letters: no worker that parks ever ran with it, so nothing was \
         ever parked. If one did, look at the name of the schema"
    )]
    NeverParked {
        /// The schema of Factum's own tables.
        schema: String,
    },
    /// Another transaction holds the positions.
    #[error(
        "the positions of {projection} version {version} are in use for longer than {seconds} seconds, and nothing \
         was changed: try again when its worker has written what it is at"
    )]
    Busy {
        /// The projection.
        projection: String,
        /// Its version.
        version: u32,
        /// How long was waited.
        seconds: u32,
        /// What Postgres says.
        source: tokio_postgres::Error,
    },
}

/// `WHERE` a filter holds; its parameters are the first seven.
const HOLDS: &str = "($1::text IS NULL OR projection = $1) AND ($2::int4 IS NULL OR version = $2) \
     AND ($3::text[] IS NULL OR keys && $3) AND ($4::text IS NULL OR aggregate = $4) \
     AND ($5::int4 IS NULL OR (partition = $5 AND sequence = $6::int8)) \
     AND ($7::text IS NULL OR topic = $7)";

/// The parameters of [`HOLDS`].
struct Params {
    projection: Option<String>,
    version: Option<i32>,
    keys: Option<Vec<String>>,
    id: Option<String>,
    partition: Option<i32>,
    sequence: Option<i64>,
    topic: Option<String>,
}

impl LetterFilter {
    /// All letters of a version.
    pub fn of(projection: impl Into<String>, version: u32) -> Self {
        Self {
            projection: Some(projection.into()),
            version: Some(version),
            ..Self::default()
        }
    }

    /// Keys are parked as Rust's `Debug` writes them, in which text is quoted.
    fn params(&self) -> Params {
        let keys = |key: &String| vec![key.clone(), format!("{key:?}")];
        Params {
            projection: self.projection.clone(),
            version: self.version.map(|it| it as i32),
            keys: self.key.as_ref().map(keys),
            id: self.id.clone(),
            partition: self.letter.map(|it| it.0 as i32),
            sequence: self.letter.map(|it| it.1 as i64),
            topic: self.topic.clone(),
        }
    }
}

impl Params {
    fn all(&self) -> [&(dyn ToSql + Sync); 7] {
        [
            &self.projection,
            &self.version,
            &self.keys,
            &self.id,
            &self.partition,
            &self.sequence,
            &self.topic,
        ]
    }
}

impl Operations {
    fn letters(&self) -> String {
        dead_letters::table(&self.schema)
    }

    /// What Postgres said about letters: a table that is not there is told as such.
    fn letters_failed(&self, doing: &str, error: tokio_postgres::Error) -> ProjectorError {
        let schema = self.schema.clone();
        match super::list::is_missing(&error) {
            true => DeadLettersError::NeverParked { schema }.into(),
            false => ProjectorError::postgres(doing)(error),
        }
    }
}

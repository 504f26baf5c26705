//! Moving a partition's position forward, past events that a read model is to do without.
//!
//! Only forward: the rows hold the events before the position already, and would count them twice. Whoever
//! wants to begin again builds a new version.

use factum_core::{EventLog, Offset, Position};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use super::Operations;
use super::passed::scan;
use crate::positions::{COLUMNS, position, table};
use crate::sources::Sources;
use crate::{ProjectorError, identity};

/// Where a position is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeekTo {
    /// At this offset, or behind the commit that it lies in.
    Offset(Offset),
    /// Before the first commit that holds an event not earlier than this.
    Time(Timestamp),
    /// Where the partition ends now.
    End,
}

/// A partition of a version of a projection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeekPartition<'a> {
    /// The projection's name.
    pub projection: &'a str,
    /// Its version.
    pub version: u32,
    /// The topic; none where the version reads only one.
    pub topic: Option<&'a str>,
    /// The partition's number.
    pub partition: u32,
}

/// Events that a read model would never show, or does not any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Skip {
    /// The projection's name.
    pub projection: String,
    /// Its version.
    pub version: u32,
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: u32,
    /// The offset of the first record that is passed over.
    pub from: Offset,
    /// The offset at which the worker goes on.
    pub to: Offset,
    /// How many sequences lie between: events, and commands that emitted none.
    pub events: u64,
    /// The first ten events.
    pub first: Vec<SkippedEvent>,
    /// The position that was found.
    pub(super) found: Position,
    /// The one that is to be.
    pub(super) wanted: Position,
}

/// An event that is passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedEvent {
    /// Its offset.
    pub offset: Offset,
    /// The aggregate's id.
    pub id: String,
    /// The aggregate's version with it.
    pub version: u64,
}

/// Why a position is not moved. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeekError {
    /// There is no such position.
    #[error(
        "{projection} version {version} has no position in partition {partition}{of}: \
         `factum projection status` shows what there is"
    )]
    Unknown {
        /// The projection.
        projection: String,
        /// The version.
        version: u32,
        /// The partition.
        partition: u32,
        /// Of which topic, if that was said.
        of: String,
    },
    /// Several topics have that partition.
    #[error("{projection} version {version} reads several topics: say which with --topic")]
    SeveralTopics {
        /// The projection.
        projection: String,
        /// The version.
        version: u32,
    },
    /// The position lies there, or behind.
    #[error(
        "the position of partition {partition} is {at}: its rows hold all events before that, and would count them \
         twice. Nothing is moved back. To apply events again, raise the projection's VERSION and start a worker: \
         that builds the rows anew, beside the old ones (`factum projection rebuild --help`)"
    )]
    Back {
        /// The partition.
        partition: u32,
        /// The offset that is projected next.
        at: Offset,
    },
    /// The target is where the position is, or the next commit lies behind it.
    #[error(
        "there is nothing to pass over in partition {partition}: no whole commit lies between its position, {at}, and the \
         target. Nothing is moved back either"
    )]
    Nothing {
        /// The partition.
        partition: u32,
        /// The offset that is projected next.
        at: Offset,
    },
    /// The partition does not reach as far.
    #[error(
        "partition {partition} ends at offset {end}, before {asked}: what is yet to come is not passed over"
    )]
    BeyondEnd {
        /// The partition.
        partition: u32,
        /// Its end, exclusive.
        end: Offset,
        /// What was asked for.
        asked: Offset,
    },
}

impl Operations {
    /// Reads what would be passed over, and changes nothing. It takes as long as reading that from the log
    /// does.
    ///
    /// # Errors
    /// [`SeekError`], in [`ProjectorError::Seek`]; the log is not the one that was projected, or cannot be
    /// read; or Postgres fails.
    pub async fn plan_seek(
        &self,
        log: &dyn EventLog,
        which: SeekPartition<'_>,
        to: SeekTo,
    ) -> Result<Skip, ProjectorError> {
        let (topic, found) = self.stands(which).await?;
        let topic = log.open(&topic, None).await?;
        let at = [(which.partition, found)].into_iter().collect();
        let sources = Sources::new(vec![topic.clone()]);
        identity::verify(&sources, which.projection, &at).await?;
        let end = topic.end(which.partition).await?;
        check(which.partition, found, end, to)?;
        let (wanted, first) = scan(topic.as_ref(), which.partition, found, (to, end)).await?;
        if wanted.offset <= found.offset {
            let (partition, at) = (which.partition, found.offset);
            return Err(SeekError::Nothing { partition, at }.into());
        }
        Ok(Skip {
            projection: which.projection.to_owned(),
            version: which.version,
            topic: topic.name().to_owned(),
            partition: which.partition,
            from: found.offset,
            to: wanted.offset,
            events: wanted.next - found.next,
            first,
            found,
            wanted,
        })
    }

    /// Topic and position of a partition.
    async fn stands(&self, which: SeekPartition<'_>) -> Result<(String, Position), ProjectorError> {
        let query = format!(
            "SELECT {COLUMNS}, topic FROM {} \
             WHERE projection = $1 AND version = $2 AND partition = $3 AND ($4::text IS NULL OR topic = $4)",
            table(&self.schema)
        );
        let (version, partition) = (which.version as i32, which.partition as i32);
        let _call = self.session.call();
        let whose: [&(dyn ToSql + Sync); 4] =
            [&which.projection, &version, &partition, &which.topic];
        let rows = self.session.client.query(&query, &whose).await;
        let rows = rows.map_err(ProjectorError::postgres("read the position"))?;
        let (projection, version) = (which.projection.to_owned(), which.version);
        match &*rows {
            [row] => Ok((row.get(6), position(0, row).1)),
            [] => Err(SeekError::Unknown {
                projection,
                version,
                partition: which.partition,
                of: which
                    .topic
                    .map_or_else(String::new, |topic| format!(" of {topic}")),
            }
            .into()),
            _ => Err(SeekError::SeveralTopics {
                projection,
                version,
            }
            .into()),
        }
    }
}

fn check(partition: u32, found: Position, end: Offset, to: SeekTo) -> Result<(), SeekError> {
    let at = found.offset;
    match to {
        SeekTo::Offset(asked) if asked == at => Err(SeekError::Nothing { partition, at }),
        SeekTo::Offset(asked) if asked < at => Err(SeekError::Back { partition, at }),
        SeekTo::Offset(asked) if asked > end => Err(SeekError::BeyondEnd {
            partition,
            end,
            asked,
        }),
        _ => Ok(()),
    }
}

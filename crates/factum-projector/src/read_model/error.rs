//! Why it is not known that a read model shows a command's effects.

use std::sync::Arc;
use std::time::Duration;

use crate::ProjectorError;

/// Why waiting for a read model ended without it. The command took effect all the same. It prints its
/// own message only; `source` carries the cause.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The projection has not come so far in time.
    #[error(
        "{projection} has not come to event {sequence} of partition {partition} within {timeout:?}: \
         it is at event {reached}. Wait longer; if it does not move, see whether its workers run"
    )]
    TimedOut {
        /// The projection, with its version.
        projection: String,
        /// The partition that was waited for.
        partition: u32,
        /// The sequence that was waited for.
        sequence: u64,
        /// The sequence of the last event that it shows, when that was last read; 0 before the first.
        reached: u64,
        /// How long it was waited.
        timeout: Duration,
    },
    /// Postgres could not be asked.
    #[error(
        "cannot see how far {projection} is: no answer from Postgres at {server} within {timeout:?}"
    )]
    Unreachable {
        /// The projection, with its version.
        projection: String,
        /// Where Postgres was looked for, without the password.
        server: String,
        /// How long it was waited.
        timeout: Duration,
        /// The last failure, if there was any.
        source: Option<Arc<ProjectorError>>,
    },
    /// There is no such projection there, or none of its workers has ever run.
    #[error(
        "{projection} has not begun: {table} at {server} has no position of it. \
         Are its name and version right, and has a worker of it run on this database?"
    )]
    NotBegun {
        /// The projection, with its version.
        projection: String,
        /// The table of positions.
        table: String,
        /// Where Postgres is, without the password.
        server: String,
    },
    /// The topic has no such partition.
    #[error(
        "{projection} reads {partitions} partitions, and partition {partition} is none of them: \
         is the token another topic's?"
    )]
    NoPartition {
        /// The projection, with its version.
        projection: String,
        /// The partition that was waited for.
        partition: u32,
        /// How many there are.
        partitions: u32,
    },
    /// The projection reads several topics, and it is not known which one is meant.
    #[error("{projection} reads several topics: set `ReadModelOptions::topic` to one of {topics}")]
    SeveralTopics {
        /// The projection, with its version.
        projection: String,
        /// The topics.
        topics: String,
    },
}

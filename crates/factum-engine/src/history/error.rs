//! Why an aggregate's past cannot be told.

/// Why an aggregate's past cannot be told. Nothing changes by asking.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// This engine does not own the aggregate's partition, or gave it up meanwhile.
    #[error(
        "partition {partition} of {topic} is not owned by this engine at the moment: ask the engine that owns it, \
         or read the partition with `factum aggregate show`, which takes longer"
    )]
    NotOwned {
        /// The topic of the aggregate's events.
        topic: String,
        /// The aggregate's partition.
        partition: u32,
    },
    /// The engine does not keep the events of its aggregates.
    #[error(
        "the engine keeps no history of partition {partition} of {topic}: start it with `CheckpointOptions::history` \
         (if it was, its log says why the checkpoint is not used), or read the partition with `factum aggregate show`"
    )]
    NotKept {
        /// The topic of the aggregate's events.
        topic: String,
        /// The aggregate's partition.
        partition: u32,
    },
    /// What is kept cannot be read.
    #[error(
        "the history of `{id}` in the checkpoint of partition {partition} of {topic} cannot be read: stop the engine and \
         remove that checkpoint's file, which is made anew from the log"
    )]
    Unreadable {
        /// The topic of the aggregate's events.
        topic: String,
        /// The aggregate's partition.
        partition: u32,
        /// The aggregate.
        id: String,
        /// What failed.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The aggregate has not come so far.
    #[error("`{id}` has no version {asked}: it is at version {actual}")]
    Beyond {
        /// The aggregate.
        id: String,
        /// The version that was asked for.
        asked: u64,
        /// The version that it has.
        actual: u64,
    },
}

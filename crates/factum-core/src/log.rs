//! The port: what Factum needs from a log, as small as it can be.
//!
//! A log is a set of topics; a topic is a fixed number of partitions; a partition is an append-only
//! sequence of records at ascending offsets. `factum-kafka`, `factum-local` and the in-memory log of
//! `factum-testkit` implement the port, and pass one conformance suite.
//!
//! Every call works on batches, so a trait object costs nothing that is paid per event.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_core::future::BoxFuture;

use crate::{Fetched, LogError, Offset, Records};

/// A log: opens topics.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Opens a topic that keeps its records for ever.
    ///
    /// # Errors
    /// The topic does not exist and `create` is `None`; or it exists with settings under which it
    /// would forget, as a [fleeting](EventLog::open_fleeting) one does; or the log can't be reached.
    async fn open(&self, topic: &str, create: Option<NewTopic>)
    -> Result<Arc<dyn Topic>, LogError>;

    /// Opens a topic whose records are needed for a short time only, and creates it if it is not
    /// there and `create` says how: it may forget those that are older than `keep`, and none that were just appended. One
    /// that is there already is taken as it is. Whoever reads an offset that was forgotten is told
    /// that it is damage; [`Topic::start`] says what is left.
    ///
    /// # Errors
    /// The topic does not exist and `create` is `None`; or it keeps the newest record of each key only;
    /// or the log can't be reached.
    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError>;
}

/// How to create a topic that is not there yet. A topic that is there keeps what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewTopic {
    /// Number of partitions, at least 1. It can't be changed later.
    pub partitions: u32,
    /// Copies of each partition; `None` leaves the choice to the log's own default.
    pub replication: Option<u16>,
}

impl Default for NewTopic {
    fn default() -> Self {
        Self {
            partitions: 8,
            replication: None,
        }
    }
}

/// What became of an append that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The records stand at `first`, `first + 1`, …, in the order given.
    At(Offset),
    /// The records are in the log, but not, or not known to be, side by side and in order.
    /// Whoever needs to know reads up to the end.
    Somewhere,
}

/// The answer to an append: resolves once the log has stored the records durably, or failed to.
/// It needs no polling to make progress, and may be dropped.
pub type Append = BoxFuture<'static, Result<Appended, LogError>>;

/// One topic of a log.
#[async_trait]
pub trait Topic: Send + Sync + 'static {
    /// The topic's name.
    fn name(&self) -> &str;

    /// How many partitions it has.
    fn partitions(&self) -> u32;

    /// The largest record (key, header and value together, in bytes) that it takes.
    fn max_record_bytes(&self) -> usize;

    /// Sends records to a partition at once, before the returned future is first polled. Batches
    /// land in the order of the calls unless one fails; a batch that fails may have landed whole,
    /// in part, or not at all, and may still land later.
    ///
    /// The caller bounds what it has under way.
    fn append(&self, partition: u32, records: Records) -> Append;

    /// The offset of the oldest record that is still there: 0, unless records were deleted.
    async fn start(&self, partition: u32) -> Result<Offset, LogError>;

    /// The offset that comes after the last durable record. Every append acknowledged before the
    /// call lies below it.
    async fn end(&self, partition: u32) -> Result<Offset, LogError>;

    /// Reads partitions from the given offsets on, and follows them as they grow.
    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError>;

    /// Joins a group whose live members share the topic's partitions, each owned by one of them.
    ///
    /// The group says who should own a partition. It is advice: a member that was stopped for a
    /// while may believe that it owns what another one was given. Claims and positions decide.
    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError>;
}

/// Follows partitions of a topic.
#[async_trait]
pub trait LogReader: Send {
    /// Waits until there is something to tell, then returns at most one batch for each partition:
    /// new records, or the news that a partition's end was reached. Each partition reports its end
    /// once whenever all records up to it have been returned. Readers read ahead: an end that is told
    /// may have been overtaken by the time it is taken in.
    ///
    /// Cancel safe: a dropped call loses no record.
    async fn next(&mut self) -> Result<Vec<Fetched>, LogError>;
}

/// One member's share of a topic's partitions.
#[async_trait]
pub trait Membership: Send {
    /// Waits for the next change of what this member owns. Cancel safe.
    ///
    /// # Errors
    /// The membership is over: what this member owns goes to others. It is to stop working on that,
    /// and to [leave](Membership::leave). Where the error is [retryable](LogError::is_retryable),
    /// it may join again.
    async fn next(&mut self) -> Result<Change, LogError>;

    /// Leaves the group, so that others take over at once.
    async fn leave(self: Box<Self>) -> Result<(), LogError>;
}

/// A change of ownership.
#[derive(Debug)]
pub enum Change {
    /// These partitions are this member's from now on.
    Gained(Vec<u32>),
    /// These partitions are to be given up. They go to another member when `release` is dropped,
    /// or when the group loses its patience.
    Revoked {
        /// What to give up.
        partitions: Vec<u32>,
        /// Held while the member finishes what it has under way.
        release: Release,
    },
}

/// Tells the group, when dropped, that revoked partitions were given up.
pub struct Release(Option<Box<dyn FnOnce() + Send>>);

impl Release {
    /// A release that calls `given_up` when it is dropped.
    pub fn new(given_up: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(given_up)))
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        if let Some(given_up) = self.0.take() {
            given_up();
        }
    }
}

impl std::fmt::Debug for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Release")
    }
}

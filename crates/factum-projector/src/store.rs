//! Where a projection's rows and positions are: Postgres, or what stands for it under simulation.
//!
//! What is folded, and when a position moves, is decided on this side; on the other one are
//! transactions, and nothing else.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use factum_core::Position;
use futures::future::BoxFuture;

use crate::batch::Move;
use crate::letter::{Ask, Head, Letter};
use crate::parked::Parked;
use crate::rows::Unwritten;
use crate::{ProjectorError, Row, Transaction};

/// Where one projection's rows and positions are.
#[async_trait]
pub trait Store<R: Row>: Send + Sync + 'static {
    /// Where that is, and as what the projection appears there.
    fn place(&self) -> String;

    /// Opens a session. Dropping it closes it; what was not committed is undone.
    async fn connect(&self) -> Result<Box<dyn Session<R>>, ProjectorError>;
}

/// A session: one transaction at a time. Calls take effect in the order in which they are first polled,
/// also when the earlier ones were not answered yet.
///
/// An error means that the call did not take effect, or, when the connection broke, that nobody knows.
#[async_trait]
pub trait Session<R: Row>: DeadLetters {
    /// The positions of all partitions, as committed.
    async fn positions(&self) -> Result<BTreeMap<u32, Position>, ProjectorError>;

    /// The positions of some partitions, once nobody has a transaction under way that moves them.
    /// A worker of this projection that is in the way for longer than `patience` loses its session:
    /// it was stopped, or is cut off, and would hold its locks until somebody looks.
    async fn settled(
        &self,
        partitions: &[u32],
        patience: Duration,
    ) -> Result<BTreeMap<u32, Position>, ProjectorError>;

    /// Whether an operator has paused the projection: then no position moves.
    async fn is_paused(&self) -> Result<bool, ProjectorError> {
        Ok(false)
    }

    /// Makes the session ready to write.
    async fn prepare(&mut self) -> Result<(), ProjectorError>;

    /// Begins a transaction.
    async fn begin(&self) -> Result<(), ProjectorError>;

    /// Moves positions, and returns those that stood elsewhere than expected: another worker is
    /// ahead there, and the transaction must be undone. Does nothing outside a transaction.
    async fn advance(&self, moves: &BTreeMap<u32, Move>) -> Result<Vec<u32>, ProjectorError>;

    /// Reads the rows that there are of some keys, which are in order; with `lock` nobody else can
    /// lock or change them before the transaction ends. Without it no transaction may be open.
    async fn load(&self, keys: &[&R::Key], lock: bool) -> Result<Vec<R>, ProjectorError>;

    /// Writes rows, as they are when this is called: those to be inserted are not there, all others are.
    fn apply<'s>(&'s self, rows: &Unwritten<'_, R>) -> Result<Applying<'s>, ProjectorError>;

    /// The transaction under way, to be written in by SQL; `None` where there is no SQL.
    fn transaction(&self) -> Option<Transaction<'_>> {
        None
    }

    /// Makes the transaction take effect.
    async fn commit(&self) -> Result<(), ProjectorError>;

    /// Undoes the transaction.
    async fn roll_back(&self) -> Result<(), ProjectorError>;
}

/// Rows on their way into the store. They are not borrowed any more.
pub struct Applying<'s> {
    /// About how many bytes are sent.
    pub bytes: usize,
    /// Sends them.
    pub done: BoxFuture<'s, Result<(), ProjectorError>>,
}

/// A session's part that keeps dead letters. Those of a partition are parked, and replayed, in
/// transactions that also name its position; they may be discarded at any moment.
#[async_trait]
pub trait DeadLetters: Send + Sync {
    /// What is parked in some partitions, as committed. From now on the session hears of letters that
    /// are marked to be replayed.
    async fn parked(&self, partitions: &[u32]) -> Result<Parked, ProjectorError>;

    /// Resolves when somebody asks for a replay. Cancel safe.
    async fn asked(&self);

    /// How many letters some partitions have.
    async fn count(&self, partitions: &[u32]) -> Result<u64, ProjectorError>;

    /// Adds letters. Once the transaction is committed the session hears of those to be replayed.
    async fn park(&self, letters: &[Letter]) -> Result<(), ProjectorError>;

    /// The replays that are asked for in a partition, as committed.
    async fn asks(&self, partition: u32) -> Result<Vec<Ask>, ProjectorError>;

    /// The first letters of a partition behind a sequence, in order. Those are wanted that are marked
    /// for one of the replays.
    async fn heads(
        &self,
        (partition, asks): (u32, &[Ask]),
        after: u64,
        limit: usize,
    ) -> Result<Vec<Head>, ProjectorError>;

    /// Reads those of some letters that are there, in order. Nobody can discard them before the
    /// transaction ends.
    async fn read(&self, partition: u32, sequences: &[u64]) -> Result<Vec<Letter>, ProjectorError>;

    /// Takes letters away that were applied.
    async fn remove(&self, partition: u32, sequences: &[u64]) -> Result<(), ProjectorError>;

    /// Notes that letters stay: one that failed again with its error, others behind it. They lose their marks,
    /// but for those of later replays.
    async fn keep(
        &self,
        (partition, asks): (u32, &[Ask]),
        stay: &[(u64, Option<String>)],
    ) -> Result<(), ProjectorError>;

    /// Begins a part of the transaction that can be undone by itself.
    async fn begin_part(&self) -> Result<(), ProjectorError>;

    /// Ends the part, once all constraints hold.
    async fn end_part(&self) -> Result<(), ProjectorError>;

    /// Undoes the part.
    async fn undo_part(&self) -> Result<(), ProjectorError>;
}

//! Factum's read side: folds the events of a log into Postgres tables, exactly once.
//!
//! A projection is a [`Fold`]: it says which row an event changes, and how. A [`MultiFold`] is one in
//! which an event may change several rows; in an [`Append`] it becomes rows of its own; a
//! [`Handler`] writes by SQL of its own. A [`Projector`] runs it
//! as a worker. Workers of one projection share the topic's partitions.
//!
//! How it is exact: the transaction that writes a batch's rows also moves the position of each
//! partition in the batch, by compare-and-set, before anything else. Whoever finds a position
//! elsewhere than it left it (a worker that was stopped for a while, or is cut off from its group)
//! changes nothing. A worker that starts, or lost its connection in mid-commit, goes on from the
//! position in Postgres; nothing else remembers how far it came.
//!
//! How it is fast: a batch is folded in memory while the next is read, and new rows are copied
//! straight into the table. Where several workers share the topic, rows that events of several
//! partitions change are locked while they are read and written. A worker that owns all partitions
//! keeps rows in memory while it catches up, and writes a row once that many batches change.
//!
//! A read model is a few milliseconds behind. A [`ReadModel`] waits until it shows what a command did.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))] // see clippy.toml

mod admit;
mod alive;
mod append;
mod backoff;
mod batch;
mod binding;
mod caught;
mod changes;
mod command;
mod copy;
mod dead_letters;
mod divert;
mod ends;
mod error;
mod failures;
mod feed;
mod fold;
mod gather;
mod guard;
mod handler;
mod identity;
mod letter;
mod narrow;
mod operations;
mod options;
mod owner;
mod park;
mod parked;
mod place;
mod policy;
mod positions;
mod postgres;
mod progress;
mod projection;
mod projector;
mod pump;
mod read_model;
mod rebuild;
mod replay;
mod row;
mod rows;
mod session;
mod setup;
mod shape;
mod sift;
mod sql;
mod statement;
mod status;
mod steward;
mod store;
mod stored;
mod switch;
mod table;
mod transaction;
mod until_end;
mod versions;
mod view;
mod worker;
mod workers;
mod write;

pub use append::{Append, Appended};
pub use changes::{Changes, KeyError, fold_events, keys_of};
pub use command::OpenLog;
pub use error::{Difference, Failure, ProjectorError};
pub use factum_derive::Row;
pub use fold::{Fold, MultiFold};
pub use handler::{Handled, Handler};
pub use operations::{
    CatchUpError, CaughtUp, DeadLetter, DeadLettersError, Discard, LetterFilter, ListedProjection,
    Operations, ParkedKey, PartitionProgress, Replay, ReplayProgress, SeekError, SeekPartition,
    SeekTo, Skip, SkippedEvent, WorkerFailure,
};
pub use options::{Options, Switch};
pub use policy::{FailurePolicy, OnFailure, Retries};
pub use progress::Summary;
pub use projection::{IntoProjection, Key, Projection};
pub use projector::Projector;
pub use read_model::{ReadModel, ReadModelOptions, WaitError};
pub use rebuild::RebuildStage;
pub use row::{Column, KeyArray, KeyedRow, NoKey, Row};
#[cfg(feature = "decimal")]
pub use rust_decimal;
pub use statement::Refused;
pub use status::{ProjectedPartition, ProjectionPhase, ProjectionStatus};
pub use switch::SwitchError;
pub use table::TableError;
/// The driver, whose types rows and handlers use.
pub use tokio_postgres;
pub use transaction::Transaction;
pub use versions::VersionState;

/// What a simulation puts in the place of Postgres.
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod simulation {
    pub use crate::batch::Move;
    pub use crate::error::Passing;
    pub use crate::letter::{Head, Letter, Record};
    pub use crate::parked::{Lane, Lanes, Parked};
    pub use crate::rows::Unwritten;
    pub use crate::store::{Applying, DeadLetters, Session, Store};
}

// Lets the tests in this crate derive rows as applications do.
#[cfg(test)]
extern crate self as factum_projector;

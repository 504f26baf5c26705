//! Factum's write side.
//!
//! An [`Engine`] owns partitions of an aggregate's topic. One task per partition takes commands in
//! order, decides each against the newest state, appends what was decided, and answers the caller
//! when the commit is known to be valid. It does not wait for an append to decide what comes next:
//! where many commands wait, several batches are under way; where few do, the next batch gathers.
//!
//! The engine knows the log only by [`factum_core`]'s port. When a commit is a fact is decided by
//! [`factum_core::Writer`]; this crate does what it says.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))] // see clippy.toml

mod aggregates;
mod answer;
mod board;
mod checkpoints;
mod decider;
mod disk;
mod engine;
mod error;
mod follow;
mod keeper;
mod meters;
mod metrics;
mod options;
mod outcomes;
mod owner;
mod partition_board;
mod receipt;
mod replay;
mod retry;
mod sealed;
mod shape;
mod snapshot;
mod state;
mod status;
mod store;
mod window;

pub use answer::Reply;
pub use checkpoints::{CheckpointOptions, Checkpoints};
pub use engine::Engine;
pub use error::{EngineError, ExecuteError};
pub use options::{CommandOptions, EngineOptions, Replayed};
pub use receipt::Receipt;
pub use shape::NotCompact;
pub use status::{
    CommandCounts, EngineStatus, PartitionStatus, Phase, ReplayStatus, Role, Takeover,
    TakeoverReason, TopicStatus,
};

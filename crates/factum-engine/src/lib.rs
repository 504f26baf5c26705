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
mod builder;
mod checkpoints;
mod decider;
mod disk;
mod engine;
mod error;
mod follow;
mod history;
mod keeper;
mod mark;
mod meters;
mod metrics;
mod middleware;
mod options;
mod outcomes;
mod owner;
mod partition_board;
mod patience;
mod receipt;
mod replay;
mod retry;
mod routing;
mod sealed;
mod shape;
mod snapshot;
mod standby;
mod standby_board;
mod standbys;
mod state;
mod status;
mod store;
mod turns;
mod weight;
mod window;

pub use answer::Reply;
pub use builder::EngineBuilder;
pub use checkpoints::{CheckpointOptions, Checkpoints};
pub use engine::Engine;
pub use error::{EngineError, ExecuteError};
pub use history::{At, HistoryError, HistoryPage, Past};
pub use middleware::{Call, Denied, Done, Middleware};
pub use options::{CommandOptions, EngineOptions, Replayed};
pub use receipt::Receipt;
pub use routing::{Client, Routing, RoutingOptions, Submitted};
pub use shape::NotCompact;
pub use status::{
    CommandCounts, EngineStatus, PartitionShare, PartitionStatus, Phase, ReplayStatus, Role,
    StandbyPhase, StandbyStatus, Takeover, TakeoverReason, TopicStatus,
};

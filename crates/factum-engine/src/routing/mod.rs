//! Commands that reach their owner through the log.
//!
//! A command that is sent from elsewhere is a record of the topic `<context>.<aggregate>.commands`, in
//! the partition of its aggregate. The owner of the events' partition of the same number handles the
//! commands there in order, and each leaves exactly one commit: its events, or a record that says
//! that it was handled without any. Both carry the offset of the command, so that the next owner goes
//! on behind the newest of them, whatever became of this one. Who waits for an answer reads it from
//! the topic `<context>.<aggregate>.replies`, which need not keep it.

mod allowance;
mod client;
mod codec;
mod inbox;
mod lane;
mod replier;
mod replies;
mod straggler;
mod told;
mod topics;
mod understand;
mod wire;

use std::time::Duration;

pub use client::{Client, Submitted};
pub(crate) use codec::Codec;
pub(crate) use inbox::{Batch, Inbox, Intake};
pub(crate) use replier::{Replier, Routed};
pub(crate) use topics::Topics;

/// How commands are routed. Start from [`RoutingOptions::default`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutingOptions {
    /// How long to wait for an answer, once a command is durable, before it is asked for with another
    /// copy of the command: the owner may have ended between the commit and the answer. The command does
    /// not take effect again. Each wait is twice as long as the one before, up to twelve times this.
    pub send_again_after: Duration,
    /// How long the log has to keep answers, at least.
    pub keep_replies: Duration,
    /// How many commands may wait to be sent, per partition.
    pub queue: usize,
}

impl Default for RoutingOptions {
    fn default() -> Self {
        Self {
            send_again_after: Duration::from_secs(5),
            keep_replies: Duration::from_secs(600),
            queue: 4096,
        }
    }
}

/// Lets an engine send commands to the owners of partitions that it does not own, and take those that
/// others send: [`EngineBuilder::routing`](crate::EngineBuilder::routing). Commands and rejections
/// travel as JSON, as serde writes them.
pub struct Routing<A: factum_core::Aggregate> {
    pub(crate) options: RoutingOptions,
    pub(crate) codec: Codec<A>,
}

//! Factum's log on Apache Kafka, through librdkafka. The only crate that names either.
//!
//! [`KafkaLog::connect`] gives the log; everything else is reached through the port of
//! `factum_core`. A process connects once and keeps the log for its life: it holds the process's one
//! producer, which serves every partition, and a second one once a fleeting topic is open.
//!
//! What the port asks for, and how Kafka gives it:
//! - an append is idempotent and acknowledged by all in-sync replicas; its offsets come with the
//!   acknowledgement, without transactions;
//! - a reader is a consumer with an assignment of its own: no group, no commits;
//! - a member is a consumer group member whose partitions are paused: the group decides who should
//!   own what, and never carries a record or an offset.

mod admin;
mod client;
mod connect;
mod error;
mod intake;
mod membership;
mod packing;
mod producer;
mod reader;
mod rescue;
mod retention;
mod settings;
mod tally;
mod topic;

pub use connect::KafkaLog;
pub use settings::KafkaSettings;

//! Factum's vocabulary, without I/O.
//!
//! An [`Aggregate`] decides about commands and emits [`Event`]s. The events of one command are a
//! commit: m records of one aggregate, side by side in one partition of an [`EventLog`]'s [`Topic`].
//! A writer owns a partition by a [`Claim`] in the partition itself; the [`ReaderRule`] says which
//! records are valid, and is the same code for everyone who reads or writes: [`CommitReader`] for
//! readers, [`Writer`] for the owner. A [`Position`] is how far a reader has come.
//!
//! This crate knows no runtime, no Kafka and no Avro.

mod aggregate;
mod avro;
mod chain;
mod claim;
mod commits;
mod error;
mod framing;
mod guard;
mod handled;
mod header;
mod log;
mod metadata;
mod partition;
mod place;
mod position;
mod recorded;
mod records;
mod rule;
#[cfg(test)]
mod simulation;
mod token;
mod trace;
mod upcast;
mod waiting;
mod writer;

pub use aggregate::{
    Aggregate, Event, commands_topic, dead_letters_topic, events_topic, replies_topic,
};
pub use chain::chain;
pub use claim::{CLAIM_SCHEMA, Claim};
pub use commits::{CommitReader, Foreign, ValidEvent, ValidRecord};
pub use error::{DecodeError, LogError, LogErrorKind};
pub use framing::Framing;
#[cfg(feature = "mutants")]
pub use guard::{Guard, do_without};
pub use handled::{HANDLED_SCHEMA, Handled};
pub use header::{EventHeader, Header, HeaderError, Origin, Stamp};
pub use log::{
    Append, Appended, Change, EventLog, LogReader, Membership, NewTopic, Release, Topic,
};
pub use metadata::Metadata;
pub use partition::partition_of;
pub use position::Position;
pub use recorded::Recorded;
pub use records::{Fetched, Offset, RecordRef, Records};
pub use rule::{Damage, ReaderRule, Verdict, Void};
pub use token::{ConsistencyToken, NotAToken};
pub use trace::{NotATraceParent, TraceParent};
pub use upcast::Upcast;
pub use writer::{Fate, Step, Writer};

//! Factum's vocabulary, without I/O.

mod aggregate;
mod claim;
mod commits;
mod error;
mod guard;
mod header;
mod log;
mod partition;
mod position;
mod recorded;
mod records;
mod rule;

pub use aggregate::{Aggregate, Event, events_topic};
pub use claim::{CLAIM_SCHEMA, Claim};
pub use commits::{CommitReader, Foreign, ValidEvent};
pub use error::{DecodeError, LogError, LogErrorKind};
pub use header::{EventHeader, Header, HeaderError, Origin, Stamp};
pub use log::{
    Append, Appended, Change, EventLog, LogReader, Membership, NewTopic, Release, Topic,
};
pub use partition::partition_of;
pub use position::Position;
pub use recorded::Recorded;
pub use records::{Fetched, Offset, RecordRef, Records};
pub use rule::{Damage, ReaderRule, Verdict, Void};

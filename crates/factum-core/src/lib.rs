//! Factum's vocabulary, without I/O.

mod aggregate;
mod error;
mod log;
mod records;

pub use aggregate::{Aggregate, Event, events_topic};
pub use error::{DecodeError, LogError, LogErrorKind};
pub use log::{
    Append, Appended, Change, EventLog, LogReader, Membership, NewTopic, Release, Topic,
};
pub use records::{Fetched, Offset, RecordRef, Records};

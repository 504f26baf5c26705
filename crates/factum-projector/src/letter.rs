//! Events that are parked, on their way to the table of dead letters and back.

use std::borrow::Cow;

use factum_core::{EventHeader, Header, LogError, LogErrorKind, Recorded, ValidEvent};

use crate::Events;
use crate::events::decode;
use crate::parked::Lanes;
use crate::sources::partition_in;

/// An event that is parked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Its partition, by the worker's number of it.
    pub partition: u32,
    /// Its number in the partition.
    pub sequence: u64,
    /// Its offset.
    pub offset: u64,
    /// Its aggregate.
    pub aggregate: String,
    /// Its number in the aggregate.
    pub version: u64,
    /// Its name, if it could be decoded.
    pub event: Option<String>,
    /// Its keys as text; none where they are not known, or it has none.
    pub keys: Vec<String>,
    /// What was read from the log.
    pub record: Record,
    /// Why it failed; none where it is parked behind another.
    pub error: Option<String>,
    /// How often it failed.
    pub attempts: u32,
}

/// The parts of an event's record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The aggregate's id.
    pub key: Vec<u8>,
    /// The header `factum`.
    pub header: Vec<u8>,
    /// The framed value.
    pub value: Vec<u8>,
}

/// What is to be known of a letter before its record is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number in the partition.
    pub sequence: u64,
    /// Its aggregate.
    pub aggregate: String,
    /// Its keys.
    pub keys: Vec<String>,
    /// Whether it is to be replayed.
    pub wanted: bool,
    /// The size of its record in bytes.
    pub bytes: usize,
}

/// A replay that somebody asked for, by the moment that its letters are marked with.
pub type Ask = std::time::SystemTime;

impl Letter {
    /// Where it belongs.
    pub(crate) fn lanes(&self) -> Lanes {
        Lanes::new(self.partition, &self.aggregate, &self.keys)
    }

    /// The size of its record.
    pub(crate) fn bytes(&self) -> usize {
        self.record.key.len() + self.record.header.len() + self.record.value.len()
    }

    /// Reads its record as the log would give it.
    pub(crate) fn decode<E: Events>(&self, topic: &str) -> Result<Recorded<E>, LogError> {
        let corrupt = |what| LogError::new(LogErrorKind::Corrupt, what);
        let header = match Header::decode(&self.record.header) {
            Ok(Header::Event(header)) => header,
            Ok(_) => return Err(corrupt("the dead letter's header is not an event's")),
            Err(error) => return Err(corrupt("cannot read the dead letter").with_source(error)),
        };
        let key = std::str::from_utf8(&self.record.key)
            .map_err(|error| corrupt("the aggregate's id is not UTF-8").with_source(error))?;
        let valid = ValidEvent {
            partition: partition_in(self.partition),
            offset: self.offset,
            key,
            header,
            value: &self.record.value,
        };
        decode(topic, self.partition, &valid)
    }
}

impl Record {
    /// The parts of a record that was read.
    pub(crate) fn new(key: &str, header: EventHeader<'_>, value: &[u8]) -> Self {
        let mut bytes = Vec::new();
        Header::Event(header).encode(&mut bytes);
        Self {
            key: key.as_bytes().to_vec(),
            header: bytes,
            value: value.to_vec(),
        }
    }
}

/// Text that Postgres takes: it has no NUL.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    match text.contains('\0') {
        true => Cow::Owned(text.replace('\0', "\\0")),
        false => Cow::Borrowed(text),
    }
}

//! An event as a reader meets it: with its place in the log.

use jiff::Timestamp;
use uuid::Uuid;

use crate::place::Place;
use crate::{DecodeError, Event, LogError, Metadata, Offset, ValidEvent};

/// A valid event, with its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<E> {
    /// The aggregate that emitted it.
    pub id: String,
    /// The partition that holds it.
    pub partition: u32,
    /// Its offset, which means nothing outside its topic.
    pub offset: Offset,
    /// Its number among the valid events of its partition, from 1.
    pub sequence: u64,
    /// Its number among the events of its aggregate, from 1.
    pub version: u64,
    /// When it was recorded.
    pub time: Timestamp,
    /// The command that caused it.
    pub command: Uuid,
    /// Who and what led to that command.
    pub metadata: Metadata,
    /// What happened.
    pub event: E,
}

impl<E: Event> Recorded<E> {
    /// Decodes a valid event.
    ///
    /// # Errors
    /// Its value cannot be read by this build: an unknown schema id, or damaged bytes.
    pub fn decode(topic: &str, valid: &ValidEvent<'_>) -> Result<Self, LogError> {
        Self::decode_by(topic, E::AGGREGATE, valid, E::decode)
    }
}

impl<E> Recorded<E> {
    /// Decodes a valid event of an aggregate type, whose value `decode` reads.
    ///
    /// # Errors
    /// `decode` fails, or the header's time is none.
    pub fn decode_by(
        topic: &str,
        aggregate: &str,
        valid: &ValidEvent<'_>,
        decode: impl FnOnce(&[u8]) -> Result<E, DecodeError>,
    ) -> Result<Self, LogError> {
        let place = Place {
            topic,
            partition: valid.partition,
            offset: valid.offset,
        };
        let corrupt = |what: &str| {
            let id = valid.key;
            place.corrupt(format_args!("{what} of an event of {aggregate} `{id}`"))
        };
        Ok(Self {
            id: valid.key.to_owned(),
            partition: valid.partition,
            offset: valid.offset,
            sequence: valid.header.stamp.sequence,
            version: valid.header.version,
            time: Timestamp::from_microsecond(valid.header.time)
                .map_err(|error| corrupt("cannot read the time").with_source(error))?,
            command: valid.header.command,
            metadata: Metadata::of(&valid.header.origin),
            event: decode(valid.value)
                .map_err(|error| corrupt("cannot read the value").with_source(error))?,
        })
    }
}

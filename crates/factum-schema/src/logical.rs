//! Logical types: Rust's types for what Avro writes as a plain long, int or string.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::{DecodeError, DecodeErrorKind as Kind, Reader, write};

type Result<T> = std::result::Result<T, DecodeError>;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const SECONDS_A_DAY: i64 = 24 * 60 * 60;

impl Reader<'_> {
    /// Reads a `timestamp-millis`.
    ///
    /// # Errors
    /// As [`Reader::long`], or the time lies outside of the years -9999 to 9999.
    #[inline]
    pub fn timestamp_millis(&mut self) -> Result<Timestamp> {
        let left = self.rest.len();
        let millis = self.long()?;
        Timestamp::from_millisecond(millis)
            .map_err(|_| self.error_before(left, Kind::Logical("timestamp-millis")))
    }

    /// Reads a `timestamp-micros`.
    ///
    /// # Errors
    /// As [`Reader::long`], or the time lies outside of the years -9999 to 9999.
    #[inline]
    pub fn timestamp_micros(&mut self) -> Result<Timestamp> {
        let left = self.rest.len();
        let micros = self.long()?;
        Timestamp::from_microsecond(micros)
            .map_err(|_| self.error_before(left, Kind::Logical("timestamp-micros")))
    }

    /// Reads a `date`.
    ///
    /// # Errors
    /// As [`Reader::int`], or the day lies outside of the years -9999 to 9999.
    #[inline]
    pub fn date(&mut self) -> Result<Date> {
        let left = self.rest.len();
        let days = i64::from(self.int()?);
        EPOCH
            .checked_add(SignedDuration::from_secs(days * SECONDS_A_DAY))
            .map_err(|_| self.error_before(left, Kind::Logical("date")))
    }

    /// Reads a `uuid` from its text.
    ///
    /// # Errors
    /// As [`Reader::slice`], or the text is not a UUID.
    #[inline]
    pub fn uuid(&mut self) -> Result<Uuid> {
        let left = self.rest.len();
        let text = self.slice()?;
        Uuid::try_parse_ascii(text).map_err(|_| self.error_before(left, Kind::Logical("uuid")))
    }
}

/// Appends a `timestamp-millis`. What is finer is cut off toward the past, as Java does it.
#[inline]
pub fn timestamp_millis(out: &mut Vec<u8>, value: Timestamp) {
    let below = i64::from(value.subsec_nanosecond() % 1_000_000 < 0);
    write::long(out, value.as_millisecond() - below);
}

/// Appends a `timestamp-micros`. What is finer is cut off toward the past, as Java does it.
#[inline]
pub fn timestamp_micros(out: &mut Vec<u8>, value: Timestamp) {
    let below = i64::from(value.subsec_nanosecond() % 1_000 < 0);
    write::long(out, value.as_microsecond() - below);
}

/// Appends a `date`: the days since 1970-01-01.
#[inline]
pub fn date(out: &mut Vec<u8>, value: Date) {
    let days = value.duration_since(EPOCH).as_secs() / SECONDS_A_DAY;
    write::long(out, days);
}

/// Appends a `uuid` as text.
#[inline]
pub fn uuid(out: &mut Vec<u8>, value: Uuid) {
    let mut text = Uuid::encode_buffer();
    write::string(out, value.hyphenated().encode_lower(&mut text));
}

//! Dates and times without a time zone: the logical types `local-timestamp-*`.

use jiff::SignedDuration;
use jiff::civil::DateTime;

use super::{Result, number};
use crate::{Reader, StandsFor};

const EPOCH: DateTime = jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0);

impl Reader<'_> {
    /// Reads a `local-timestamp-millis`.
    ///
    /// # Errors
    /// As [`Reader::long`], or the time lies outside of the years -9999 to 9999.
    #[inline]
    pub fn local_timestamp_millis<T: StandsFor<DateTime>>(&mut self) -> Result<T> {
        let after = |n| EPOCH.checked_add(SignedDuration::from_millis(n)).ok();
        self.made_of_long("local-timestamp-millis", after)
    }

    /// Reads a `local-timestamp-micros`.
    ///
    /// # Errors
    /// As [`Reader::long`], or the time lies outside of the years -9999 to 9999.
    #[inline]
    pub fn local_timestamp_micros<T: StandsFor<DateTime>>(&mut self) -> Result<T> {
        let after = |n| EPOCH.checked_add(SignedDuration::from_micros(n)).ok();
        self.made_of_long("local-timestamp-micros", after)
    }

    /// Reads a `local-timestamp-nanos`.
    ///
    /// # Errors
    /// As [`Reader::long`].
    #[inline]
    pub fn local_timestamp_nanos<T: StandsFor<DateTime>>(&mut self) -> Result<T> {
        let after = |n| EPOCH.checked_add(SignedDuration::from_nanos(n)).ok();
        self.made_of_long("local-timestamp-nanos", after)
    }
}

/// Nanoseconds since 1970-01-01T00:00.
#[inline]
fn since_epoch(value: DateTime) -> i128 {
    value.duration_since(EPOCH).as_nanos()
}

/// Appends a `local-timestamp-millis`. What is finer is cut off toward the past.
#[inline]
pub fn local_timestamp_millis(out: &mut Vec<u8>, value: impl StandsFor<DateTime>) {
    number(out, value, |time| {
        Some(since_epoch(time).div_euclid(1_000_000) as i64)
    });
}

/// Appends a `local-timestamp-micros`. What is finer is cut off toward the past.
#[inline]
pub fn local_timestamp_micros(out: &mut Vec<u8>, value: impl StandsFor<DateTime>) {
    number(out, value, |time| {
        Some(since_epoch(time).div_euclid(1_000) as i64)
    });
}

/// Appends a `local-timestamp-nanos`. What a long can't hold is written as in
/// [`timestamp_nanos`](super::timestamp_nanos).
#[inline]
pub fn local_timestamp_nanos(out: &mut Vec<u8>, value: impl StandsFor<DateTime>) {
    number(out, value, |time| i64::try_from(since_epoch(time)).ok());
}

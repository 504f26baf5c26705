//! Logical types of time and identity: Rust's types for what Avro writes as a plain long, int or
//! string. Types of other crates go [by way of](StandsFor) those that are named here.

mod local;

use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub use local::{local_timestamp_micros, local_timestamp_millis, local_timestamp_nanos};

use crate::{DecodeError, DecodeErrorKind as Kind, Reader, StandsFor, write};

type Result<T> = std::result::Result<T, DecodeError>;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const SECONDS_A_DAY: i64 = 24 * 60 * 60;

impl Reader<'_> {
    /// A value of the logical type `name`, made of a long.
    #[inline]
    fn made_of_long<T, S: StandsFor<T>>(
        &mut self,
        name: &'static str,
        make: impl FnOnce(i64) -> Option<T>,
    ) -> Result<S> {
        let left = self.rest.len();
        let number = self.long()?;
        let value = make(number).and_then(S::of);
        value.ok_or_else(|| self.error_before(left, Kind::Logical(name)))
    }

    /// A value of the logical type `name`, made of an int.
    #[inline]
    fn made_of_int<T, S: StandsFor<T>>(
        &mut self,
        name: &'static str,
        make: impl FnOnce(i64) -> Option<T>,
    ) -> Result<S> {
        let left = self.rest.len();
        let number = i64::from(self.int()?);
        let value = make(number).and_then(S::of);
        value.ok_or_else(|| self.error_before(left, Kind::Logical(name)))
    }

    /// Reads a `timestamp-millis`.
    ///
    /// # Errors
    /// As [`Reader::long`], or the time lies outside of the years -9999 to 9999.
    #[inline]
    pub fn timestamp_millis<T: StandsFor<Timestamp>>(&mut self) -> Result<T> {
        self.made_of_long("timestamp-millis", |n| Timestamp::from_millisecond(n).ok())
    }

    /// Reads a `timestamp-micros`.
    ///
    /// # Errors
    /// As [`Reader::long`], or the time lies outside of the years -9999 to 9999.
    #[inline]
    pub fn timestamp_micros<T: StandsFor<Timestamp>>(&mut self) -> Result<T> {
        self.made_of_long("timestamp-micros", |n| Timestamp::from_microsecond(n).ok())
    }

    /// Reads a `timestamp-nanos`.
    ///
    /// # Errors
    /// As [`Reader::long`].
    #[inline]
    pub fn timestamp_nanos<T: StandsFor<Timestamp>>(&mut self) -> Result<T> {
        self.made_of_long("timestamp-nanos", |n| {
            Timestamp::from_nanosecond(n.into()).ok()
        })
    }

    /// Reads a `time-millis`.
    ///
    /// # Errors
    /// As [`Reader::int`], or it is no time of a day.
    #[inline]
    pub fn time_millis<T: StandsFor<Time>>(&mut self) -> Result<T> {
        self.made_of_int("time-millis", |n| time_of_day(n, 1_000))
    }

    /// Reads a `time-micros`.
    ///
    /// # Errors
    /// As [`Reader::long`], or it is no time of a day.
    #[inline]
    pub fn time_micros<T: StandsFor<Time>>(&mut self) -> Result<T> {
        self.made_of_long("time-micros", |n| time_of_day(n, 1_000_000))
    }

    /// Reads a `date`.
    ///
    /// # Errors
    /// As [`Reader::int`], or the day lies outside of the years -9999 to 9999.
    #[inline]
    pub fn date<T: StandsFor<Date>>(&mut self) -> Result<T> {
        let date = |days| {
            EPOCH
                .checked_add(SignedDuration::from_secs(days * SECONDS_A_DAY))
                .ok()
        };
        self.made_of_int("date", date)
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

    /// Reads a `uuid` from a fixed of 16 bytes.
    ///
    /// # Errors
    /// The bytes end before.
    #[inline]
    pub fn uuid_fixed(&mut self) -> Result<Uuid> {
        self.fixed().map(Uuid::from_bytes)
    }
}

/// The time so many units after midnight.
#[inline]
fn time_of_day(units: i64, units_a_second: i64) -> Option<Time> {
    let (seconds, rest) = (
        units.div_euclid(units_a_second),
        units.rem_euclid(units_a_second),
    );
    if !(0..SECONDS_A_DAY).contains(&seconds) {
        return None;
    }
    let (minutes, second) = (seconds / 60, seconds % 60);
    let nanosecond = rest * (1_000_000_000 / units_a_second);
    let part = |number: i64| i8::try_from(number).ok();
    Time::new(
        part(minutes / 60)?,
        part(minutes % 60)?,
        part(second)?,
        nanosecond as i32,
    )
    .ok()
}

/// How many units lie between midnight and the time.
#[inline]
fn since_midnight(time: Time, units_a_second: i64) -> i64 {
    let minutes = i64::from(time.hour()) * 60 + i64::from(time.minute());
    let seconds = minutes * 60 + i64::from(time.second());
    let rest = i64::from(time.subsec_nanosecond()) / (1_000_000_000 / units_a_second);
    seconds * units_a_second + rest
}

/// Appends the number that is made of the value. Where there is none, what no reader takes for an int or
/// a long, since any other number would be another value.
#[inline]
fn number<T>(out: &mut Vec<u8>, value: impl StandsFor<T>, make: impl FnOnce(T) -> Option<i64>) {
    match value.meaning().and_then(make) {
        Some(number) => write::long(out, number),
        None => out.extend_from_slice(&[0xff; 10]),
    }
}

/// Appends a `timestamp-millis`. What is finer is cut off toward the past, as Java does it.
#[inline]
pub fn timestamp_millis(out: &mut Vec<u8>, value: impl StandsFor<Timestamp>) {
    number(out, value, |time: Timestamp| {
        let below = i64::from(time.subsec_nanosecond() % 1_000_000 < 0);
        Some(time.as_millisecond() - below)
    });
}

/// Appends a `timestamp-micros`. What is finer is cut off toward the past, as Java does it.
#[inline]
pub fn timestamp_micros(out: &mut Vec<u8>, value: impl StandsFor<Timestamp>) {
    number(out, value, |time: Timestamp| {
        let below = i64::from(time.subsec_nanosecond() % 1_000 < 0);
        Some(time.as_microsecond() - below)
    });
}

/// Appends a `timestamp-nanos`.
///
/// A long holds the times from 1677-09-21 to 2262-04-11. What lies outside is written as a number
/// that no reader takes for a long, since any other would be another time; whoever reads back what
/// they are about to keep, as the engine does, is told.
#[inline]
pub fn timestamp_nanos(out: &mut Vec<u8>, value: impl StandsFor<Timestamp>) {
    number(out, value, |time: Timestamp| {
        i64::try_from(time.as_nanosecond()).ok()
    });
}

/// Appends a `time-millis`. What is finer is cut off.
#[inline]
pub fn time_millis(out: &mut Vec<u8>, value: impl StandsFor<Time>) {
    number(out, value, |time| Some(since_midnight(time, 1_000)));
}

/// Appends a `time-micros`. What is finer is cut off.
#[inline]
pub fn time_micros(out: &mut Vec<u8>, value: impl StandsFor<Time>) {
    number(out, value, |time| Some(since_midnight(time, 1_000_000)));
}

/// Appends a `date`: the days since 1970-01-01.
#[inline]
pub fn date(out: &mut Vec<u8>, value: impl StandsFor<Date>) {
    number(out, value, |date: Date| {
        Some(date.duration_since(EPOCH).as_secs() / SECONDS_A_DAY)
    });
}

/// Appends a `uuid` as text.
#[inline]
pub fn uuid(out: &mut Vec<u8>, value: Uuid) {
    const LEN: usize = uuid::fmt::Hyphenated::LENGTH;
    write::long(out, LEN as i64);
    let start = out.len();
    out.resize(start + LEN, 0);
    value.hyphenated().encode_lower(&mut out[start..]);
}

/// Appends a `uuid` as a fixed of 16 bytes.
#[inline]
pub fn uuid_fixed(out: &mut Vec<u8>, value: Uuid) {
    write::fixed(out, value.as_bytes());
}

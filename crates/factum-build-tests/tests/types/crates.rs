//! Dates and times by their parts, as jiff, chrono and time have them: none by way of another.

use std::fmt::Debug;

use chrono::{Datelike, Timelike};
use factum_schema::{DecodeError, LogicalType as L, Reader, StandsFor, write};
use jiff::tz::Offset;
use jiff::{Timestamp, civil};

/// A date and a time of day; that of a time of day alone is 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parts {
    pub date: (i16, u8, u8),
    pub time: (u8, u8, u8, u32),
}

/// `parts((2016, 12, 31), (23, 59, 59, 999_999_999))`
pub const fn parts(date: (i16, u8, u8), time: (u8, u8, u8, u32)) -> Parts {
    Parts { date, time }
}

/// A crate's types.
pub trait Crate {
    type Instant: StandsFor<Timestamp> + Copy + Debug + PartialEq;
    type Local: StandsFor<civil::DateTime> + Copy;
    type Day: StandsFor<civil::Date>;
    type TimeOfDay: StandsFor<civil::Time>;

    fn local(parts: Parts) -> Self::Local;
    fn instant(local: Self::Local) -> Self::Instant;
    fn day(local: Self::Local) -> Self::Day;
    fn time_of_day(local: Self::Local) -> Self::TimeOfDay;

    fn utc(instant: Self::Instant) -> Self::Local;
    fn joined(day: Self::Day, time: Self::TimeOfDay) -> Self::Local;
    fn parts(local: Self::Local) -> Parts;
}

pub struct Jiff;
pub struct Chrono;
pub struct Time;

impl Crate for Jiff {
    type Instant = Timestamp;
    type Local = civil::DateTime;
    type Day = civil::Date;
    type TimeOfDay = civil::Time;

    fn local(parts: Parts) -> civil::DateTime {
        let ((year, month, day), (hour, minute, second, nanos)) = (parts.date, parts.time);
        let date = civil::date(year, month as i8, day as i8);
        date.at(hour as i8, minute as i8, second as i8, nanos as i32)
    }

    fn instant(local: civil::DateTime) -> Timestamp {
        Offset::UTC.to_timestamp(local).unwrap()
    }

    fn day(local: civil::DateTime) -> civil::Date {
        local.date()
    }

    fn time_of_day(local: civil::DateTime) -> civil::Time {
        local.time()
    }

    fn utc(instant: Timestamp) -> civil::DateTime {
        Offset::UTC.to_datetime(instant)
    }

    fn joined(day: civil::Date, time: civil::Time) -> civil::DateTime {
        day.to_datetime(time)
    }

    fn parts(local: civil::DateTime) -> Parts {
        let (month, day) = (local.month() as u8, local.day() as u8);
        let (hour, minute, second) = (
            local.hour() as u8,
            local.minute() as u8,
            local.second() as u8,
        );
        let nanos = local.subsec_nanosecond() as u32;
        parts((local.year(), month, day), (hour, minute, second, nanos))
    }
}

impl Crate for Chrono {
    type Instant = chrono::DateTime<chrono::Utc>;
    type Local = chrono::NaiveDateTime;
    type Day = chrono::NaiveDate;
    type TimeOfDay = chrono::NaiveTime;

    fn local(parts: Parts) -> chrono::NaiveDateTime {
        let ((year, month, day), (hour, minute, second, nanos)) = (parts.date, parts.time);
        let date = chrono::NaiveDate::from_ymd_opt(year.into(), month.into(), day.into()).unwrap();
        date.and_hms_nano_opt(hour.into(), minute.into(), second.into(), nanos)
            .unwrap()
    }

    fn instant(local: chrono::NaiveDateTime) -> chrono::DateTime<chrono::Utc> {
        local.and_utc()
    }

    fn day(local: chrono::NaiveDateTime) -> chrono::NaiveDate {
        local.date()
    }

    fn time_of_day(local: chrono::NaiveDateTime) -> chrono::NaiveTime {
        local.time()
    }

    fn utc(instant: chrono::DateTime<chrono::Utc>) -> chrono::NaiveDateTime {
        instant.naive_utc()
    }

    fn joined(day: chrono::NaiveDate, time: chrono::NaiveTime) -> chrono::NaiveDateTime {
        day.and_time(time)
    }

    fn parts(local: chrono::NaiveDateTime) -> Parts {
        let date = (local.year() as i16, local.month() as u8, local.day() as u8);
        let (hour, minute) = (local.hour() as u8, local.minute() as u8);
        parts(
            date,
            (hour, minute, local.second() as u8, local.nanosecond()),
        )
    }
}

impl Crate for Time {
    type Instant = time::OffsetDateTime;
    type Local = time::PrimitiveDateTime;
    type Day = time::Date;
    type TimeOfDay = time::Time;

    fn local(parts: Parts) -> time::PrimitiveDateTime {
        let ((year, month, day), (hour, minute, second, nanos)) = (parts.date, parts.time);
        let month = time::Month::try_from(month).unwrap();
        let date = time::Date::from_calendar_date(year.into(), month, day).unwrap();
        date.with_hms_nano(hour, minute, second, nanos).unwrap()
    }

    fn instant(local: time::PrimitiveDateTime) -> time::OffsetDateTime {
        local.assume_utc()
    }

    fn day(local: time::PrimitiveDateTime) -> time::Date {
        local.date()
    }

    fn time_of_day(local: time::PrimitiveDateTime) -> time::Time {
        local.time()
    }

    fn utc(instant: time::OffsetDateTime) -> time::PrimitiveDateTime {
        assert_eq!(instant.offset(), time::UtcOffset::UTC);
        time::PrimitiveDateTime::new(instant.date(), instant.time())
    }

    fn joined(day: time::Date, time: time::Time) -> time::PrimitiveDateTime {
        time::PrimitiveDateTime::new(day, time)
    }

    fn parts(local: time::PrimitiveDateTime) -> Parts {
        let date = (local.year() as i16, u8::from(local.month()), local.day());
        parts(date, local.as_hms_nano())
    }
}

/// The logical types of dates and times.
pub const TIMES: [L; 9] = [
    L::Date,
    L::TimeMillis,
    L::TimeMicros,
    L::TimestampMillis,
    L::TimestampMicros,
    L::TimestampNanos,
    L::LocalTimestampMillis,
    L::LocalTimestampMicros,
    L::LocalTimestampNanos,
];

const MIDNIGHT: Parts = parts((1970, 1, 1), (0, 0, 0, 0));

/// What the crate's type is read from the bytes.
pub fn read<C: Crate>(logical: L, bytes: &[u8]) -> Result<Parts, DecodeError> {
    let mut input = Reader::new(bytes);
    let instant = |instant| C::parts(C::utc(instant));
    let time = |time| C::parts(C::joined(C::day(C::local(MIDNIGHT)), time));
    let day = |day| C::parts(C::joined(day, C::time_of_day(C::local(MIDNIGHT))));
    match logical {
        L::Date => input.date().map(day),
        L::TimeMillis => input.time_millis().map(time),
        L::TimeMicros => input.time_micros().map(time),
        L::TimestampMillis => input.timestamp_millis().map(instant),
        L::TimestampMicros => input.timestamp_micros().map(instant),
        L::TimestampNanos => input.timestamp_nanos().map(instant),
        L::LocalTimestampMillis => input.local_timestamp_millis().map(C::parts),
        L::LocalTimestampMicros => input.local_timestamp_micros().map(C::parts),
        _ => input.local_timestamp_nanos().map(C::parts),
    }
}

/// The bytes that the crate's type is written as.
pub fn written<C: Crate>(logical: L, local: C::Local) -> Vec<u8> {
    let mut out = Vec::new();
    match logical {
        L::Date => write::date(&mut out, C::day(local)),
        L::TimeMillis => write::time_millis(&mut out, C::time_of_day(local)),
        L::TimeMicros => write::time_micros(&mut out, C::time_of_day(local)),
        L::TimestampMillis => write::timestamp_millis(&mut out, C::instant(local)),
        L::TimestampMicros => write::timestamp_micros(&mut out, C::instant(local)),
        L::TimestampNanos => write::timestamp_nanos(&mut out, C::instant(local)),
        L::LocalTimestampMillis => write::local_timestamp_millis(&mut out, local),
        L::LocalTimestampMicros => write::local_timestamp_micros(&mut out, local),
        _ => write::local_timestamp_nanos(&mut out, local),
    }
    out
}

/// The bytes of a long, and of an int.
pub fn long(number: i64) -> Vec<u8> {
    let mut out = Vec::new();
    write::long(&mut out, number);
    out
}

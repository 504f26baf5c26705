//! The types of the crate `chrono`.
//!
//! They hold years from -262143 to 262142, and leap seconds: a second 59 of up to two seconds. Such a second
//! is the one after it here, as it is in Unix time; that after the last of a day is no time of the day.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use jiff::civil::{self, Date, Time};
use jiff::{SignedDuration, Timestamp};

use super::StandsFor;

const NANOS_A_SECOND: u32 = 1_000_000_000;

impl StandsFor<Timestamp> for DateTime<Utc> {
    #[inline]
    fn of(value: Timestamp) -> Option<Self> {
        let (mut second, mut nanos) = (value.as_second(), value.subsec_nanosecond());
        if nanos < 0 {
            (second, nanos) = (second - 1, nanos + NANOS_A_SECOND as i32);
        }
        Self::from_timestamp(second, nanos as u32)
    }

    #[inline]
    fn meaning(self) -> Option<Timestamp> {
        let nanos = SignedDuration::from_nanos(self.timestamp_subsec_nanos().into());
        let second = Timestamp::from_second(self.timestamp()).ok()?;
        second.checked_add(nanos).ok()
    }
}

impl StandsFor<Date> for NaiveDate {
    #[inline]
    fn of(value: Date) -> Option<Self> {
        let part = |number: i8| u32::try_from(number).ok();
        Self::from_ymd_opt(
            value.year().into(),
            part(value.month())?,
            part(value.day())?,
        )
    }

    #[inline]
    fn meaning(self) -> Option<Date> {
        let year = i16::try_from(self.year()).ok()?;
        Date::new(year, self.month() as i8, self.day() as i8).ok()
    }
}

impl StandsFor<Time> for NaiveTime {
    #[inline]
    fn of(value: Time) -> Option<Self> {
        let part = |number: i8| u32::try_from(number).ok();
        Self::from_hms_nano_opt(
            part(value.hour())?,
            part(value.minute())?,
            part(value.second())?,
            u32::try_from(value.subsec_nanosecond()).ok()?,
        )
    }

    #[inline]
    fn meaning(self) -> Option<Time> {
        let (time, leap) = without_leap(self)?;
        time.checked_add(leap).ok()
    }
}

impl StandsFor<civil::DateTime> for NaiveDateTime {
    #[inline]
    fn of(value: civil::DateTime) -> Option<Self> {
        let (date, time) = (NaiveDate::of(value.date())?, NaiveTime::of(value.time())?);
        Some(Self::new(date, time))
    }

    #[inline]
    fn meaning(self) -> Option<civil::DateTime> {
        let (time, leap) = without_leap(self.time())?;
        let date: Date = self.date().meaning()?;
        date.to_datetime(time).checked_add(leap).ok()
    }
}

/// The time within its second, and the second that a leap second adds.
#[inline]
fn without_leap(time: NaiveTime) -> Option<(Time, SignedDuration)> {
    let (leap, nanos) = (
        time.nanosecond() / NANOS_A_SECOND,
        time.nanosecond() % NANOS_A_SECOND,
    );
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let time = Time::new(hour as i8, minute as i8, second as i8, nanos as i32).ok()?;
    Some((time, SignedDuration::from_secs(leap.into())))
}

//! The types of the crate `time`.
//!
//! They hold years from -9999 to 9999, and with its feature `large-dates` from -999999 to 999999. An offset
//! from UTC is not written: what is read has none.

use jiff::Timestamp;
use jiff::civil::{self, Date, Time};
use time::{Month, OffsetDateTime, PrimitiveDateTime};

use super::StandsFor;

impl StandsFor<Timestamp> for OffsetDateTime {
    #[inline]
    fn of(value: Timestamp) -> Option<Self> {
        Self::from_unix_timestamp_nanos(value.as_nanosecond()).ok()
    }

    #[inline]
    fn meaning(self) -> Option<Timestamp> {
        // Nanoseconds count from the second on, also before 1970.
        Timestamp::new(self.unix_timestamp(), self.nanosecond() as i32).ok()
    }
}

impl StandsFor<Date> for time::Date {
    #[inline]
    fn of(value: Date) -> Option<Self> {
        let month = Month::try_from(u8::try_from(value.month()).ok()?).ok()?;
        let day = u8::try_from(value.day()).ok()?;
        Self::from_calendar_date(value.year().into(), month, day).ok()
    }

    #[inline]
    fn meaning(self) -> Option<Date> {
        let (year, month, day) = self.to_calendar_date();
        let year = i16::try_from(year).ok()?;
        Date::new(year, u8::from(month) as i8, day as i8).ok()
    }
}

impl StandsFor<Time> for time::Time {
    #[inline]
    fn of(value: Time) -> Option<Self> {
        let part = |number: i8| u8::try_from(number).ok();
        Self::from_hms_nano(
            part(value.hour())?,
            part(value.minute())?,
            part(value.second())?,
            u32::try_from(value.subsec_nanosecond()).ok()?,
        )
        .ok()
    }

    #[inline]
    fn meaning(self) -> Option<Time> {
        let (hour, minute, second, nanos) = self.as_hms_nano();
        Time::new(hour as i8, minute as i8, second as i8, nanos as i32).ok()
    }
}

impl StandsFor<civil::DateTime> for PrimitiveDateTime {
    #[inline]
    fn of(value: civil::DateTime) -> Option<Self> {
        let (date, time) = (time::Date::of(value.date())?, time::Time::of(value.time())?);
        Some(Self::new(date, time))
    }

    #[inline]
    fn meaning(self) -> Option<civil::DateTime> {
        let date: Date = self.date().meaning()?;
        Some(date.to_datetime(self.time().meaning()?))
    }
}

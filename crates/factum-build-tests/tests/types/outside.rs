//! What a crate's types hold and jiff's do not.

use chrono::{DateTime, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use factum_schema::{DecodeErrorKind as Kind, LogicalType as L, write};
use time::macros::{datetime, offset};

use crate::crates::{Chrono, Crate, TIMES, Time, long, parts, read, written};

fn chrono(date: (i16, u8, u8), time: (u8, u8, u8, u32)) -> NaiveDateTime {
    Chrono::local(parts(date, time))
}

/// It is written as nothing that can be read.
fn unreadable<C: Crate>(logical: L, local: C::Local) {
    let error = read::<C>(logical, &written::<C>(logical, local)).unwrap_err();
    assert_eq!(error.kind(), &Kind::Overflow("long"));
}

#[test]
fn years_beyond_9999_can_not_be_read() {
    let last = chrono((9999, 12, 31), (0, 0, 0, 0));
    let first = chrono((-9999, 1, 1), (0, 0, 0, 0));
    let dates = TIMES
        .iter()
        .filter(|l| !matches!(l, L::TimeMillis | L::TimeMicros));
    for logical in dates {
        unreadable::<Chrono>(*logical, last + Days::new(1));
        unreadable::<Chrono>(*logical, first - Days::new(1));
        unreadable::<Chrono>(*logical, NaiveDateTime::MAX);
        unreadable::<Chrono>(*logical, NaiveDateTime::MIN);
        unreadable::<Chrono>(*logical, last + Months::new(12 * 65_536));
    }
}

#[test]
fn the_last_hours_of_9999_are_no_timestamps() {
    let late = parts((9999, 12, 30), (22, 0, 1, 0));
    let early = parts((-9999, 1, 2), (1, 59, 58, 999_999_999));
    for logical in [L::TimestampMillis, L::TimestampMicros, L::TimestampNanos] {
        unreadable::<Chrono>(logical, Chrono::local(late));
        unreadable::<Chrono>(logical, Chrono::local(early));
        unreadable::<Time>(logical, Time::local(late));
        unreadable::<Time>(logical, Time::local(early));
    }
}

#[test]
fn nanoseconds_hold_less() {
    for logical in [L::TimestampNanos, L::LocalTimestampNanos] {
        for beyond in [
            parts((2262, 4, 11), (23, 47, 16, 854_775_808)),
            parts((1677, 9, 21), (0, 12, 43, 145_224_191)),
        ] {
            unreadable::<Chrono>(logical, Chrono::local(beyond));
            unreadable::<Time>(logical, Time::local(beyond));
        }
    }
}

#[test]
fn a_leap_second_is_the_second_after_it() {
    let leap = chrono((2016, 12, 31), (23, 59, 59, 1_500_000_000));
    let after = chrono((2017, 1, 1), (0, 0, 0, 500_000_000));
    let times = TIMES
        .iter()
        .filter(|l| !matches!(l, L::Date | L::TimeMillis | L::TimeMicros));
    for logical in times {
        let bytes = written::<Chrono>(*logical, leap);
        assert_eq!(bytes, written::<Chrono>(*logical, after), "{logical:?}");
    }
    assert_eq!(written::<Chrono>(L::Date, leap), long(17_166));
    let noon = chrono((1970, 1, 1), (11, 59, 59, 1_250_000_000));
    assert_eq!(written::<Chrono>(L::TimeMillis, noon), long(43_200_250));
    assert_eq!(written::<Chrono>(L::TimeMicros, noon), long(43_200_250_000));
    unreadable::<Chrono>(L::TimeMillis, leap);
    unreadable::<Chrono>(L::TimeMicros, leap);
    unreadable::<Chrono>(
        L::LocalTimestampMillis,
        chrono((9999, 12, 31), (23, 59, 59, 1_000_000_000)),
    );
}

#[test]
fn an_offset_is_not_kept() {
    let (here, utc) = (
        datetime!(2011-10-01 01:30:00.5 +05:30),
        datetime!(2011-09-30 20:00:00.5 UTC),
    );
    let bytes = |time| {
        let mut out = Vec::new();
        write::timestamp_nanos(&mut out, time);
        out
    };
    assert_eq!(bytes(here), bytes(utc));
    assert_eq!(
        read::<Time>(L::TimestampNanos, &bytes(here)),
        Ok(parts((2011, 9, 30), (20, 0, 0, 500_000_000)))
    );
    let earliest = datetime!(-9999-01-01 00:00:00 UTC).replace_offset(offset!(+23));
    assert_eq!(bytes(earliest), [0xff; 10]);
}

#[test]
fn what_can_not_be_written_is_told_where_it_stands() {
    let mut out = long(7);
    let late: DateTime<Utc> = NaiveDate::MAX.and_time(NaiveTime::MIN).and_utc();
    write::timestamp_micros(&mut out, late);
    let mut input = factum_schema::Reader::new(&out);
    input.long().unwrap();
    let error = input.timestamp_micros::<DateTime<Utc>>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "a number is too large for its type `long` (byte 1)"
    );
}

//! Random values of the types that are not Rust's own.

use factum_build_tests::factum::schema::{BigDecimal, Decimal, Duration};
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

/// The start of local times.
pub fn epoch() -> DateTime {
    jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0)
}

pub fn decimal<const P: u32, const S: u32>() -> impl Strategy<Value = Decimal<P, S>> {
    let (min, max) = (
        Decimal::<P, S>::MIN.unscaled(),
        Decimal::<P, S>::MAX.unscaled(),
    );
    let edges = prop_oneof![
        Just(0),
        Just(-1),
        Just(127),
        Just(128),
        Just(-128),
        Just(-129),
        Just(min),
        Just(max)
    ];
    prop_oneof![edges, min..=max].prop_map(|unscaled| Decimal::from_unscaled(unscaled).unwrap())
}

pub fn big_decimal() -> impl Strategy<Value = BigDecimal> {
    (vec(any::<u8>(), 1..40), any::<i32>())
        .prop_map(|(unscaled, scale)| BigDecimal::from_be_bytes(&unscaled, scale).unwrap())
}

pub fn span() -> impl Strategy<Value = Duration> {
    any::<(u32, u32, u32)>().prop_map(|(months, days, millis)| Duration {
        months,
        days,
        millis,
    })
}

/// A time of day in whole units of so many nanoseconds.
pub fn time(unit: i64) -> impl Strategy<Value = Time> {
    let day = 24 * 3_600 * 1_000_000_000_i64;
    (0..day / unit).prop_map(move |n| Time::midnight() + SignedDuration::from_nanos(n * unit))
}

pub fn timestamp(unit: i128) -> impl Strategy<Value = Timestamp> {
    let (min, max) = (
        Timestamp::MIN.as_nanosecond(),
        Timestamp::MAX.as_nanosecond(),
    );
    (min / unit..=max / unit).prop_map(move |n| Timestamp::from_nanosecond(n * unit).unwrap())
}

pub fn local(unit: i128) -> impl Strategy<Value = DateTime> {
    let nanos = |value: DateTime| value.duration_since(epoch()).as_nanos();
    let (min, max) = (nanos(DateTime::MIN), nanos(DateTime::MAX));
    (min / unit..=max / unit).prop_map(move |n| {
        let (seconds, rest) = (
            (n * unit).div_euclid(1_000_000_000),
            (n * unit).rem_euclid(1_000_000_000),
        );
        epoch()
            + SignedDuration::new(
                i64::try_from(seconds).unwrap(),
                i32::try_from(rest).unwrap(),
            )
    })
}

//! Dates and times: the same bytes and the same bounds for each crate.

use factum_schema::{DecodeErrorKind as Kind, LogicalType as L};
use proptest::prelude::*;

use crate::crates::{Chrono, Crate, Jiff, Parts, TIMES, Time, long, parts, read, written};
use crate::values;

const END_OF_SECOND: u32 = 999_999_999;

/// What is read from a number, and written as it.
const EXACT: [(L, i64, Parts); 34] = [
    (L::Date, 0, parts((1970, 1, 1), (0, 0, 0, 0))),
    (L::Date, -1, parts((1969, 12, 31), (0, 0, 0, 0))),
    (L::Date, 16_861, parts((2016, 3, 1), (0, 0, 0, 0))),
    (L::Date, -719_528, parts((0, 1, 1), (0, 0, 0, 0))),
    (L::Date, -4_371_587, parts((-9999, 1, 1), (0, 0, 0, 0))),
    (L::Date, 2_932_896, parts((9999, 12, 31), (0, 0, 0, 0))),
    (L::TimeMillis, 0, parts((1970, 1, 1), (0, 0, 0, 0))),
    (
        L::TimeMillis,
        3_723_004,
        parts((1970, 1, 1), (1, 2, 3, 4_000_000)),
    ),
    (
        L::TimeMillis,
        86_399_999,
        parts((1970, 1, 1), (23, 59, 59, 999_000_000)),
    ),
    (
        L::TimeMicros,
        3_723_000_004,
        parts((1970, 1, 1), (1, 2, 3, 4_000)),
    ),
    (
        L::TimeMicros,
        86_399_999_999,
        parts((1970, 1, 1), (23, 59, 59, 999_999_000)),
    ),
    (L::TimestampMillis, 0, parts((1970, 1, 1), (0, 0, 0, 0))),
    (
        L::TimestampMillis,
        1_317_456_000_123,
        parts((2011, 10, 1), (8, 0, 0, 123_000_000)),
    ),
    (
        L::TimestampMillis,
        -1,
        parts((1969, 12, 31), (23, 59, 59, 999_000_000)),
    ),
    (
        L::TimestampMillis,
        -377_705_023_201_000,
        parts((-9999, 1, 2), (1, 59, 59, 0)),
    ),
    (
        L::TimestampMillis,
        253_402_207_200_000,
        parts((9999, 12, 30), (22, 0, 0, 0)),
    ),
    (
        L::TimestampMicros,
        -1,
        parts((1969, 12, 31), (23, 59, 59, 999_999_000)),
    ),
    (
        L::TimestampMicros,
        -12_219_292_800_000_001,
        parts((1582, 10, 14), (23, 59, 59, 999_999_000)),
    ),
    (
        L::TimestampMicros,
        -377_705_023_201_000_000,
        parts((-9999, 1, 2), (1, 59, 59, 0)),
    ),
    (
        L::TimestampMicros,
        253_402_207_200_000_000,
        parts((9999, 12, 30), (22, 0, 0, 0)),
    ),
    (
        L::TimestampNanos,
        -1,
        parts((1969, 12, 31), (23, 59, 59, END_OF_SECOND)),
    ),
    (L::TimestampNanos, 1, parts((1970, 1, 1), (0, 0, 0, 1))),
    (
        L::TimestampNanos,
        i64::MIN,
        parts((1677, 9, 21), (0, 12, 43, 145_224_192)),
    ),
    (
        L::TimestampNanos,
        i64::MAX,
        parts((2262, 4, 11), (23, 47, 16, 854_775_807)),
    ),
    (
        L::LocalTimestampMillis,
        -1,
        parts((1969, 12, 31), (23, 59, 59, 999_000_000)),
    ),
    (
        L::LocalTimestampMillis,
        -377_705_116_800_000,
        parts((-9999, 1, 1), (0, 0, 0, 0)),
    ),
    (
        L::LocalTimestampMillis,
        253_402_300_799_999,
        parts((9999, 12, 31), (23, 59, 59, 999_000_000)),
    ),
    (
        L::LocalTimestampMicros,
        -1,
        parts((1969, 12, 31), (23, 59, 59, 999_999_000)),
    ),
    (
        L::LocalTimestampMicros,
        951_782_400_000_000,
        parts((2000, 2, 29), (0, 0, 0, 0)),
    ),
    (
        L::LocalTimestampMicros,
        -377_705_116_800_000_000,
        parts((-9999, 1, 1), (0, 0, 0, 0)),
    ),
    (
        L::LocalTimestampMicros,
        253_402_300_799_999_999,
        parts((9999, 12, 31), (23, 59, 59, 999_999_000)),
    ),
    (
        L::LocalTimestampNanos,
        -1,
        parts((1969, 12, 31), (23, 59, 59, END_OF_SECOND)),
    ),
    (
        L::LocalTimestampNanos,
        i64::MIN,
        parts((1677, 9, 21), (0, 12, 43, 145_224_192)),
    ),
    (
        L::LocalTimestampNanos,
        i64::MAX,
        parts((2262, 4, 11), (23, 47, 16, 854_775_807)),
    ),
];

fn exact<C: Crate>() {
    for (logical, number, parts) in EXACT {
        assert_eq!(read::<C>(logical, &long(number)), Ok(parts), "{logical:?}");
        let bytes = written::<C>(logical, C::local(parts));
        assert_eq!(bytes, long(number), "{logical:?} {parts:?}");
    }
}

#[test]
fn numbers_are_the_same_times_and_back() {
    exact::<Jiff>();
    exact::<Chrono>();
    exact::<Time>();
}

/// What is written as a number that means an earlier time.
const CUT_OFF: [(L, i64, Parts); 9] = [
    (L::TimeMillis, 0, parts((1970, 1, 1), (0, 0, 0, 999_999))),
    (
        L::TimeMillis,
        86_399_999,
        parts((1970, 1, 1), (23, 59, 59, END_OF_SECOND)),
    ),
    (L::TimeMicros, 0, parts((1970, 1, 1), (0, 0, 0, 999))),
    (
        L::TimestampMillis,
        0,
        parts((1970, 1, 1), (0, 0, 0, 999_999)),
    ),
    (
        L::TimestampMillis,
        -1,
        parts((1969, 12, 31), (23, 59, 59, END_OF_SECOND)),
    ),
    (
        L::TimestampMicros,
        -2,
        parts((1969, 12, 31), (23, 59, 59, 999_998_001)),
    ),
    (
        L::TimestampMicros,
        -377_705_023_201_000_000,
        parts((-9999, 1, 2), (1, 59, 59, 999)),
    ),
    (
        L::LocalTimestampMillis,
        -1,
        parts((1969, 12, 31), (23, 59, 59, END_OF_SECOND)),
    ),
    (
        L::LocalTimestampMicros,
        253_402_300_799_999_999,
        parts((9999, 12, 31), (23, 59, 59, END_OF_SECOND)),
    ),
];

fn cut_off<C: Crate>() {
    for (logical, number, parts) in CUT_OFF {
        let bytes = written::<C>(logical, C::local(parts));
        assert_eq!(bytes, long(number), "{logical:?} {parts:?}");
    }
}

#[test]
fn finer_times_are_cut_off_toward_the_past() {
    cut_off::<Jiff>();
    cut_off::<Chrono>();
    cut_off::<Time>();
}

/// Numbers of which the first no type is read, beyond either bound.
const BEYOND: [(L, i64); 16] = [
    (L::Date, -4_371_588),
    (L::Date, 2_932_897),
    (L::TimeMillis, -1),
    (L::TimeMillis, 86_400_000),
    (L::TimeMicros, -1),
    (L::TimeMicros, 86_400_000_000),
    (L::TimestampMillis, -377_705_023_201_001),
    (L::TimestampMillis, 253_402_207_201_000),
    (L::TimestampMicros, -377_705_023_201_000_001),
    (L::TimestampMicros, 253_402_207_201_000_000),
    (L::TimestampMicros, i64::MAX),
    (L::LocalTimestampMillis, -377_705_116_800_001),
    (L::LocalTimestampMillis, 253_402_300_800_000),
    (L::LocalTimestampMicros, -377_705_116_800_000_001),
    (L::LocalTimestampMicros, 253_402_300_800_000_000),
    (L::LocalTimestampMicros, i64::MIN),
];

fn beyond<C: Crate>() {
    for (logical, number) in BEYOND {
        let error = read::<C>(logical, &long(number)).unwrap_err();
        assert_eq!(error.kind(), &Kind::Logical(logical.name()), "{number}");
    }
}

#[test]
fn numbers_beyond_the_bounds_are_refused() {
    beyond::<Jiff>();
    beyond::<Chrono>();
    beyond::<Time>();
}

fn number() -> impl Strategy<Value = i64> {
    let near = |bound: i64| -bound..bound;
    prop_oneof![
        any::<i64>(),
        near(400_000_000_000_000_000),
        near(400_000_000_000_000),
        near(100_000_000_000),
        near(100_000_000),
        near(5_000_000),
        near(10),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_crate_reads_what_the_others_read(number in number()) {
        for logical in TIMES {
            let bytes = long(number);
            let parts = read::<Jiff>(logical, &bytes);
            prop_assert_eq!(&read::<Chrono>(logical, &bytes), &parts, "{:?}", logical);
            prop_assert_eq!(&read::<Time>(logical, &bytes), &parts, "{:?}", logical);
        }
    }

    #[test]
    fn every_crate_writes_what_the_others_write(time in values::timestamp(1)) {
        let parts = Jiff::parts(Jiff::utc(time));
        for logical in TIMES {
            let bytes = written::<Jiff>(logical, Jiff::local(parts));
            prop_assert_eq!(&written::<Chrono>(logical, Chrono::local(parts)), &bytes, "{:?}", logical);
            prop_assert_eq!(&written::<Time>(logical, Time::local(parts)), &bytes, "{:?}", logical);
        }
    }
}

//! Random values of the event that holds every type.

use factum_build_tests::everything::{Colour, Happened, Nothing, Part};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use uuid::Uuid;

/// Any value, without NaN, which equals nothing.
pub fn happened() -> impl Strategy<Value = Happened> {
    let numbers = (
        any::<bool>(),
        any::<i32>(),
        any::<i64>(),
        any::<f32>().prop_filter("no NaN", |n| !n.is_nan()),
        any::<f64>().prop_filter("no NaN", |n| !n.is_nan()),
    );
    let texts = (any::<Vec<u8>>(), ".*", of(".*"), of(".*"));
    let times = (time(1_000_000), time(1_000), day(), any::<u128>());
    let names = (any::<[u8; 16]>(), colour(), of(colour()));
    let lists = (
        vec(any::<i64>(), 0..5),
        vec(part(), 0..5),
        btree_map(".*", part(), 0..5),
        vec(vec(of(any::<i32>()), 0..3), 0..3),
        of(btree_map(".*", vec(any::<Vec<u8>>(), 0..3), 0..3)),
    );
    (numbers, texts, times, names, lists).prop_map(|(numbers, texts, times, names, lists)| {
        Happened {
            flag: numbers.0,
            small: numbers.1,
            large: numbers.2,
            single: numbers.3,
            double: numbers.4,
            raw: texts.0,
            text: texts.1,
            maybe_text: texts.2,
            text_maybe: texts.3,
            millis: times.0,
            micros: times.1,
            day: times.2,
            id: Uuid::from_u128(times.3),
            hash: names.0,
            colour: names.1,
            maybe_colour: names.2,
            numbers: lists.0,
            parts: lists.1,
            by_name: lists.2,
            grid: lists.3,
            input: lists.4,
            nothing: Nothing {},
        }
    })
}

/// A time in whole units of so many nanoseconds.
fn time(unit: i128) -> impl Strategy<Value = Timestamp> {
    let (min, max) = (
        Timestamp::MIN.as_nanosecond(),
        Timestamp::MAX.as_nanosecond(),
    );
    (min / unit..=max / unit).prop_map(move |n| Timestamp::from_nanosecond(n * unit).unwrap())
}

fn day() -> impl Strategy<Value = Date> {
    (-4_371_587_i64..=2_932_896).prop_map(|days| {
        let since = SignedDuration::from_secs(days * 86_400);
        date(1970, 1, 1).checked_add(since).unwrap()
    })
}

fn colour() -> impl Strategy<Value = Colour> {
    prop_oneof![
        Just(Colour::Red),
        Just(Colour::DarkGreen),
        Just(Colour::Blue)
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let size = of(any::<f64>().prop_filter("no NaN", |n| !n.is_nan()));
    (".*", size, any::<[u8; 16]>()).prop_map(|(name, size, hash)| Part { name, size, hash })
}

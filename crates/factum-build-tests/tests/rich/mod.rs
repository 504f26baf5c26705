//! Random values of the event with unions, recursion and every logical type.

use factum_build_tests::factum::schema::{BigDecimal, Decimal, Duration};
use factum_build_tests::rich::{
    Card, Empty, Kept, KeptChoice, KeptChoices, KeptMaybe, KeptMaybeItem, KeptMaybeValue, KeptOnly,
    KeptSpans, Link, Side, Sum, Term, TermNode, Tree,
};
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use uuid::Uuid;

/// Any value, in whole units of its times, without NaN.
pub fn kept() -> impl Strategy<Value = Kept> {
    let unions = (
        choice(),
        of(maybe()),
        timestamp(1_000),
        vec(of(choices()), 0..4),
    );
    let nested = (tree(), of(link()), term());
    let empty = (0..5_usize, 0..5_usize, btree_map(".*", Just(()), 0..4));
    let numbers = (
        decimal::<9, 2>(),
        decimal::<38, 10>(),
        decimal::<4, 4>(),
        big_decimal(),
        vec(decimal::<9, 2>(), 0..4),
    );
    let spans = (any::<u128>(), span(), btree_map(".*", of(spans()), 0..4));
    let times = (time(1_000_000), time(1_000), any::<i64>());
    let local = (local(1_000_000), local(1_000), any::<i64>());
    (unions, nested, empty, numbers, spans, times, local).prop_map(
        |(unions, nested, empty, numbers, spans, times, local)| Kept {
            choice: unions.0,
            maybe: unions.1,
            only: KeptOnly::TimestampMicros(unions.2),
            choices: unions.3,
            tree: nested.0,
            chain: nested.1,
            term: nested.2,
            nothing: (),
            nothings: vec![(); empty.0],
            empties: vec![Empty {}; empty.1],
            flags: empty.2,
            price: numbers.0,
            amount: numbers.1,
            share: numbers.2,
            exact: numbers.3,
            prices: numbers.4,
            id: Uuid::from_u128(spans.0),
            span: spans.1,
            spans: spans.2,
            opens: times.0,
            closes: times.1,
            nanos: Timestamp::from_nanosecond(times.2.into()).unwrap(),
            local_millis: local.0,
            local_micros: local.1,
            local_nanos: epoch() + SignedDuration::from_nanos(local.2),
        },
    )
}

fn epoch() -> DateTime {
    jiff::civil::datetime(1970, 1, 1, 0, 0, 0, 0)
}

fn number() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("no NaN", |n| !n.is_nan())
}

fn card() -> impl Strategy<Value = Card> {
    (".*", of(any::<i64>())).prop_map(|(number, limit)| Card { number, limit })
}

fn side() -> impl Strategy<Value = Side> {
    prop_oneof![Just(Side::Left), Just(Side::Right)]
}

fn choice() -> impl Strategy<Value = KeptChoice> {
    prop_oneof![
        any::<i32>().prop_map(KeptChoice::Int),
        ".*".prop_map(KeptChoice::String),
        card().prop_map(KeptChoice::Card),
        side().prop_map(KeptChoice::Side),
    ]
}

fn choices() -> impl Strategy<Value = KeptChoices> {
    prop_oneof![
        card().prop_map(KeptChoices::Card),
        side().prop_map(KeptChoices::Side)
    ]
}

fn maybe() -> impl Strategy<Value = KeptMaybe> {
    let item = prop_oneof![
        any::<bool>().prop_map(KeptMaybeItem::Boolean),
        any::<Vec<u8>>().prop_map(KeptMaybeItem::Bytes),
    ];
    let value = prop_oneof![
        ".*".prop_map(KeptMaybeValue::String),
        card().prop_map(KeptMaybeValue::Card),
    ];
    prop_oneof![
        number().prop_map(KeptMaybe::Double),
        vec(of(item), 0..4).prop_map(KeptMaybe::Array),
        btree_map(".*", value, 0..4).prop_map(KeptMaybe::Map),
        any::<[u8; 8]>().prop_map(KeptMaybe::Half),
    ]
}

fn spans() -> impl Strategy<Value = KeptSpans> {
    prop_oneof![
        span().prop_map(KeptSpans::Span),
        any::<u128>().prop_map(|id| KeptSpans::Id(Uuid::from_u128(id))),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = any::<i64>().prop_map(|value| Tree {
        value,
        children: Vec::new(),
    });
    leaf.prop_recursive(4, 16, 4, |tree| {
        (any::<i64>(), vec(tree, 0..4)).prop_map(|(value, children)| Tree { value, children })
    })
}

fn link() -> impl Strategy<Value = Link> {
    let last = ".*".prop_map(|item| Link { item, next: None });
    last.prop_recursive(6, 6, 1, |link| {
        (".*", link).prop_map(|(item, next)| Link {
            item,
            next: Some(Box::new(next)),
        })
    })
}

fn term() -> impl Strategy<Value = Term> {
    let leaf = number().prop_map(|number| Term {
        node: TermNode::Double(number),
    });
    leaf.prop_recursive(4, 16, 2, |term| {
        (term.clone(), term).prop_map(|(left, right)| Term {
            node: TermNode::Sum(Box::new(Sum {
                left: Box::new(left),
                right: Box::new(right),
            })),
        })
    })
}

fn decimal<const P: u32, const S: u32>() -> impl Strategy<Value = Decimal<P, S>> {
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

fn big_decimal() -> impl Strategy<Value = BigDecimal> {
    (vec(any::<u8>(), 1..40), any::<i32>())
        .prop_map(|(unscaled, scale)| BigDecimal::from_be_bytes(&unscaled, scale).unwrap())
}

fn span() -> impl Strategy<Value = Duration> {
    any::<(u32, u32, u32)>().prop_map(|(months, days, millis)| Duration {
        months,
        days,
        millis,
    })
}

/// A time of day in whole units of so many nanoseconds.
fn time(unit: i64) -> impl Strategy<Value = Time> {
    let day = 24 * 3_600 * 1_000_000_000_i64;
    (0..day / unit).prop_map(move |n| Time::midnight() + SignedDuration::from_nanos(n * unit))
}

fn timestamp(unit: i128) -> impl Strategy<Value = Timestamp> {
    let (min, max) = (
        Timestamp::MIN.as_nanosecond(),
        Timestamp::MAX.as_nanosecond(),
    );
    (min / unit..=max / unit).prop_map(move |n| Timestamp::from_nanosecond(n * unit).unwrap())
}

fn local(unit: i128) -> impl Strategy<Value = DateTime> {
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

//! Random values of the event with unions, recursion and every logical type.

use factum_build_tests::rich::{
    Card, Empty, Kept, KeptChoice, KeptChoices, KeptMaybe, KeptMaybeItem, KeptMaybeValue, KeptOnly,
    KeptSpans, Link, Side, Sum, Term, TermNode, Tree,
};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use uuid::Uuid;

use crate::values::{big_decimal, decimal, epoch, local, span, time, timestamp};

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

//! Values of the event with every type, as jiff's and Factum's own types.

use std::collections::BTreeMap;

use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::{BigDecimal, Decimal, Duration};
use factum_build_tests::typed::jiff::{
    Card, Colour, Held, HeldChoice, HeldChoiceValue, HeldChoices, Link, LinkItem, Tree, TypedEvent,
};
use jiff::civil::{Date, date, datetime, time};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use uuid::Uuid;

use crate::values;

/// The bytes of an event.
pub fn encoded<E: Event>(event: &E) -> Vec<u8> {
    let mut out = Vec::new();
    event.encode(&mut out);
    out
}

/// A value that shows how everything looks.
pub fn shown() -> Held {
    let instant = Timestamp::from_second(1_317_456_000).unwrap();
    let local = datetime(2011, 10, 1, 10, 0, 0, 0);
    let id = Uuid::from_u128(0x123e4567_e89b_12d3_a456_426614174000);
    let digest = digest(7);
    let link = Link {
        item: LinkItem::Colour(Colour::Red),
        next: None,
    };
    Held {
        large: 1 << 60,
        raw: vec![0, 255],
        flag: true,
        small: -1,
        single: 0.5,
        double: 0.25,
        text: "größer".to_owned(),
        nothing: (),
        colour: Colour::DarkGreen,
        hash: *b"hash",
        digest,
        maybe_digest: Some(digest),
        digests: vec![digest],
        digests_by_name: BTreeMap::from([("one".to_owned(), digest)]),
        digests_deeper: Some(BTreeMap::from([(
            "two".to_owned(),
            vec![Some(digest), None],
        )])),
        choice: Some(HeldChoice::Decimal("0.5".parse().unwrap())),
        choices: vec![
            HeldChoices::TimeMicros(time(8, 0, 0, 1_000)),
            HeldChoices::Card(Card {
                card_number: "1".to_owned(),
                digest,
            }),
        ],
        tree: Tree {
            at: instant,
            children: vec![Tree {
                at: instant,
                children: Vec::new(),
            }],
        },
        chain: Some(Link {
            item: LinkItem::Link(Box::new(link.clone())),
            next: Some(Box::new(link)),
        }),
        price: "19.90".parse().unwrap(),
        amount: "-0.5".parse().unwrap(),
        maybe_price: Some("0.01".parse().unwrap()),
        prices: BTreeMap::from([("three".to_owned(), vec!["3".parse().unwrap()])]),
        exact: BigDecimal::new(123, 1),
        id,
        key: id,
        span: Duration {
            months: 1,
            days: 2,
            millis: 3,
        },
        day: date(2011, 10, 1),
        opens: time(8, 0, 0, 0),
        closes: time(18, 30, 0, 250_000_000),
        millis: instant + SignedDuration::from_millis(1),
        micros: instant + SignedDuration::from_micros(1),
        nanos: instant + SignedDuration::from_nanos(1),
        local_millis: local + SignedDuration::from_millis(1),
        local_micros: local + SignedDuration::from_micros(1),
        local_nanos: local + SignedDuration::from_nanos(1),
        days: BTreeMap::from([
            ("first".to_owned(), Some(date(1, 1, 1))),
            ("none".to_owned(), None),
        ]),
    }
}

/// A fixed whose bytes differ.
pub fn digest(first: u8) -> [u8; 33] {
    std::array::from_fn(|index| first + index as u8)
}

/// Any value as bytes; numbers are such as JSON keeps exactly.
pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    held().prop_map(|held| encoded(&TypedEvent::from(held)))
}

fn held() -> impl Strategy<Value = Held> {
    let plain = (any::<i64>(), any::<Vec<u8>>(), ".*", any::<[u8; 4]>());
    let digests = (
        any_digest(),
        of(any_digest()),
        vec(any_digest(), 0..3),
        btree_map(".*", any_digest(), 0..3),
        of(btree_map(".*", vec(of(any_digest()), 0..3), 0..3)),
    );
    let nested = (of(choice()), vec(choices(), 0..3), tree(), of(link()));
    let decimals = (
        values::decimal(),
        values::decimal(),
        of(values::decimal()),
        btree_map(".*", vec(values::decimal(), 0..3), 0..3),
        values::big_decimal(),
    );
    let ids = (any::<u128>(), any::<u128>(), values::span());
    let times = (
        day(),
        values::time(1_000_000),
        values::time(1_000),
        values::timestamp(1_000_000),
        values::timestamp(1_000),
        any::<i64>(),
    );
    let local = (
        values::local(1_000_000),
        values::local(1_000),
        any::<i64>(),
        btree_map(".*", of(day()), 0..3),
    );
    (plain, digests, nested, decimals, ids, times, local).prop_map(
        |(plain, digests, nested, decimals, ids, times, local)| Held {
            large: plain.0,
            raw: plain.1,
            text: plain.2,
            hash: plain.3,
            digest: digests.0,
            maybe_digest: digests.1,
            digests: digests.2,
            digests_by_name: digests.3,
            digests_deeper: digests.4,
            choice: nested.0,
            choices: nested.1,
            tree: nested.2,
            chain: nested.3,
            price: decimals.0,
            amount: decimals.1,
            maybe_price: decimals.2,
            prices: decimals.3,
            exact: decimals.4,
            id: Uuid::from_u128(ids.0),
            key: Uuid::from_u128(ids.1),
            span: ids.2,
            day: times.0,
            opens: times.1,
            closes: times.2,
            millis: times.3,
            micros: times.4,
            nanos: Timestamp::from_nanosecond(times.5.into()).unwrap(),
            local_millis: local.0,
            local_micros: local.1,
            local_nanos: values::epoch() + SignedDuration::from_nanos(local.2),
            days: local.3,
            ..shown()
        },
    )
}

fn any_digest() -> impl Strategy<Value = [u8; 33]> {
    any::<(u8, [u8; 32])>().prop_map(|(first, rest)| {
        let mut digest = [first; 33];
        digest[1..].copy_from_slice(&rest);
        digest
    })
}

fn day() -> impl Strategy<Value = Date> {
    values::local(1_000_000_000).prop_map(|local| local.date())
}

fn card() -> impl Strategy<Value = Card> {
    (".*", any_digest()).prop_map(|(card_number, digest)| Card {
        card_number,
        digest,
    })
}

fn choice() -> impl Strategy<Value = HeldChoice> {
    let value = prop_oneof![
        any_digest().prop_map(HeldChoiceValue::Digest),
        any::<i32>().prop_map(|n| HeldChoiceValue::Double(n.into())),
    ];
    let number = values::decimal::<28, 28>();
    prop_oneof![
        day().prop_map(HeldChoice::Date),
        values::timestamp(1_000_000).prop_map(HeldChoice::TimestampMillis),
        number.prop_map(HeldChoice::Decimal),
        any::<u128>().prop_map(|id| HeldChoice::Uuid(Uuid::from_u128(id))),
        any_digest().prop_map(HeldChoice::Digest),
        any::<[u8; 4]>().prop_map(HeldChoice::Hash),
        Just(HeldChoice::Colour(Colour::Red)),
        vec(any_digest(), 0..3).prop_map(HeldChoice::Array),
        btree_map(".*", of(value), 0..3).prop_map(HeldChoice::Map),
        card().prop_map(HeldChoice::Card),
    ]
}

fn choices() -> impl Strategy<Value = HeldChoices> {
    prop_oneof![
        values::time(1_000).prop_map(HeldChoices::TimeMicros),
        card().prop_map(HeldChoices::Card),
        any::<bool>().prop_map(HeldChoices::Boolean),
    ]
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = values::timestamp(1_000).prop_map(|at| Tree {
        at,
        children: Vec::new(),
    });
    leaf.prop_recursive(3, 8, 3, |tree| {
        (values::timestamp(1_000), vec(tree, 0..3)).prop_map(|(at, children)| Tree { at, children })
    })
}

fn link() -> impl Strategy<Value = Link> {
    let last = Just(Link {
        item: LinkItem::Colour(Colour::DarkGreen),
        next: None,
    });
    last.prop_recursive(3, 8, 2, |link| {
        (link.clone(), of(link)).prop_map(|(item, next)| Link {
            item: LinkItem::Link(Box::new(item)),
            next: next.map(Box::new),
        })
    })
}

/// A decimal of Factum's own, of any digits.
pub fn decimal<const P: u32, const S: u32>(text: &str) -> Decimal<P, S> {
    text.parse().unwrap()
}

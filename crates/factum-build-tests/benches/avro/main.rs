//! Generated code beside a hand-written codec for the same events, and beside other codecs:
//! `cargo xtask bench avro`. A small event has four fields, an order fifteen, nested.
//!
//! Rounds are interleaved, so that what slows the machine down slows all; a ratio is the median of
//! the rounds' own ratios to the hand-written codec. All are checked against each other first.

mod events;
mod hand;
mod others;
mod plain;
mod rounds;

use std::hint::black_box;

use factum_build_tests::factum::Event;
use factum_build_tests::speed::{Moved, Ordered, Paid, SpeedEvent, SpeedEventRef};
use others::Others;
use rounds::{Contender, Group};

fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let (moved, paid, ordered) = (events::moved(), events::paid(), events::ordered());
    let small = Case {
        events: &moved,
        encode: hand::encode_moved,
        decode: hand::decode_moved,
        borrow: Some(hand::borrowed::decode_moved),
        others: Some(Others::moved(&moved)),
    };
    let order = Case {
        events: &ordered,
        encode: hand::encode_ordered,
        decode: hand::decode_ordered,
        borrow: Some(hand::borrowed::decode_ordered),
        others: Some(Others::ordered(&ordered)),
    };
    small.measure_encode("encode small", json);
    order.measure_encode("encode order", json);
    small.measure_decode("decode small", json);
    order.measure_decode("decode order", json);
    small.measure_borrowed("decode small, borrowed", json);
    order.measure_borrowed("decode order, borrowed", json);
    let small = Case {
        events: &paid,
        encode: hand::encode_paid_1,
        decode: hand::decode_paid_1,
        borrow: Some(hand::borrowed::decode_paid_1),
        others: None::<Others<plain::Moved>>,
    };
    let order = Case {
        events: &ordered,
        encode: hand::encode_ordered_1,
        decode: hand::decode_ordered_1,
        borrow: None,
        others: None::<Others<plain::Ordered>>,
    };
    small.measure_resolve("decode version 1 small", Paid::SCHEMAS, json);
    small.measure_borrowed("decode version 1 small, borrowed", json);
    order.measure_resolve("decode version 1 order", Ordered::SCHEMAS, json);
}

type Borrow = fn(&[u8]) -> Option<SpeedEventRef<'_>>;

/// One event's contenders.
struct Case<'a, E, P> {
    events: &'a [E],
    encode: fn(&E, &mut Vec<u8>),
    decode: fn(&[u8]) -> Option<E>,
    /// The same without copying text, where it is written by hand.
    borrow: Option<Borrow>,
    others: Option<Others<P>>,
}

impl<E, P> Case<'_, E, P>
where
    E: Clone + PartialEq + std::fmt::Debug + Into<SpeedEvent>,
    P: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    /// What the hand-written codec writes.
    fn values(&self) -> Vec<Vec<u8>> {
        let value = |event| {
            let mut value = Vec::new();
            (self.encode)(event, &mut value);
            value
        };
        self.events.iter().map(value).collect()
    }

    fn measure_encode(&self, name: &str, json: bool) {
        let generated: Vec<SpeedEvent> = self.events.iter().cloned().map(Into::into).collect();
        for (event, value) in generated.iter().zip(self.values()) {
            let mut out = Vec::new();
            event.encode(&mut out);
            assert_eq!(out, value, "both write the same");
        }
        let (mut by_hand, mut out) = (Vec::with_capacity(1 << 12), Vec::with_capacity(1 << 12));
        let mut group = Group::new(name);
        group.add(Contender::new("by hand", || {
            for event in self.events {
                by_hand.clear();
                (self.encode)(black_box(event), &mut by_hand);
                black_box(&by_hand);
            }
        }));
        group.add(Contender::new("factum", || {
            for event in &generated {
                out.clear();
                black_box(event).encode(&mut out);
                black_box(&out);
            }
        }));
        group.add(Contender::new("factum, fresh Vec", || {
            for event in &generated {
                let mut out = Vec::new();
                black_box(event).encode(&mut out);
                black_box(&out);
            }
        }));
        if let Some(others) = &self.others {
            others.encoders(&mut group);
        }
        group.print(json);
    }

    fn decoders<'a>(&'a self, name: &str, values: &'a [Vec<u8>]) -> Group<'a> {
        for (event, value) in self.events.iter().zip(values) {
            assert_eq!(
                (self.decode)(value).as_ref(),
                Some(event),
                "it reads what it wrote"
            );
            assert_eq!(
                SpeedEvent::decode(value).ok(),
                Some(event.clone().into()),
                "both read the same"
            );
        }
        let mut group = Group::new(name);
        group.add(Contender::new("by hand", move || {
            for value in values {
                black_box((self.decode)(black_box(value)).map(Into::<SpeedEvent>::into));
            }
        }));
        group.add(Contender::new("factum", move || {
            for value in values {
                let _ = black_box(SpeedEvent::decode(black_box(value)));
            }
        }));
        group
    }

    fn measure_decode(&self, name: &str, json: bool) {
        let values = self.values();
        let mut group = self.decoders(name, &values);
        if let Some(others) = &self.others {
            others.decoders(&mut group);
        }
        group.print(json);
    }

    /// Events that are looked at and let go.
    fn measure_borrowed(&self, name: &str, json: bool) {
        let Some(borrow) = self.borrow else { return };
        let values = self.values();
        let mut spare = Vec::new();
        for (event, value) in self.events.iter().zip(&values) {
            let expected: SpeedEvent = event.clone().into();
            let by_hand = borrow(value).expect("it reads what it wrote");
            assert_eq!(SpeedEvent::from(by_hand), expected);
            let generated = SpeedEventRef::decode(value, &mut spare).expect("both read the same");
            assert_eq!(SpeedEvent::from(generated), expected);
        }
        let mut group = Group::new(name);
        group.add(Contender::new("by hand", || {
            for value in &values {
                black_box(borrow(black_box(value)));
            }
        }));
        group.add(Contender::new("factum", || {
            for value in &values {
                let _ = black_box(SpeedEventRef::decode(black_box(value), &mut spare));
            }
        }));
        group.add(Contender::new("factum, owned", || {
            for value in &values {
                let _ = black_box(SpeedEvent::decode(black_box(value)));
            }
        }));
        group.print(json);
    }

    /// Values of version 1, as the newest.
    fn measure_resolve(
        &self,
        name: &str,
        schemas: &[factum_build_tests::factum::schema::SchemaVersion],
        json: bool,
    ) {
        let values = self.values();
        let mut group = self.decoders(name, &values);
        others::resolve(&mut group, &values, schemas);
        group.print(json);
    }
}

impl Others<plain::Moved> {
    fn moved(events: &[Moved]) -> Self {
        Self::new(Moved::SCHEMAS, events.iter().map(Into::into).collect())
    }
}

impl Others<plain::Ordered> {
    fn ordered(events: &[Ordered]) -> Self {
        Self::new(Ordered::SCHEMAS, events.iter().map(Into::into).collect())
    }
}

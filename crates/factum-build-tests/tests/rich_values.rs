//! Unions, records that contain themselves and logical types: what is written reads back, and its
//! bytes are those of the specification.

mod rich;
mod values;

use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::{Decimal, Reader, frame};
use factum_build_tests::rich::{Kept, Link, RichEvent, Tree};
use factum_build_tests::spaces::deep::Colour;
use factum_build_tests::spaces::{self, Met, Party, SpacesEvent};
use jiff::Timestamp;
use jiff::civil::{datetime, time};
use proptest::prelude::*;
use rich::kept;

fn encoded<E: Event>(event: &E) -> Vec<u8> {
    let mut out = Vec::new();
    event.encode(&mut out);
    out
}

fn some_kept() -> Kept {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    kept().new_tree(&mut runner).unwrap().current()
}

fn error(kept: Kept) -> String {
    RichEvent::decode(&encoded(&RichEvent::from(kept)))
        .unwrap_err()
        .to_string()
}

proptest! {
    #[test]
    fn every_event_reads_back(kept in kept()) {
        let event = RichEvent::from(kept);
        prop_assert_eq!(RichEvent::decode(&encoded(&event)).unwrap(), event);
    }
}

fn chain(length: u32) -> Kept {
    let link = |next| Link {
        item: String::new(),
        next,
    };
    let last = link(None);
    let chain = (1..length).fold(last, |next, _| link(Some(Box::new(next))));
    Kept {
        chain: Some(chain),
        ..some_kept()
    }
}

#[test]
fn records_lie_within_each_other_up_to_the_bound() {
    let deepest = RichEvent::from(chain(Reader::MAX_DEPTH));
    assert_eq!(RichEvent::decode(&encoded(&deepest)).unwrap(), deepest);
    let message = error(chain(Reader::MAX_DEPTH + 1));
    assert!(
        message.starts_with("records lie within each other deeper than 128 (byte "),
        "{message}"
    );
}

#[test]
fn bytes_can_not_exhaust_the_stack() {
    let mut value = Vec::new();
    let mut event = some_kept();
    event.tree = Tree {
        value: 0,
        children: Vec::new(),
    };
    event.choices = Vec::new();
    event.maybe = None;
    let bytes = encoded(&RichEvent::from(event.clone()));
    let before = encoded(&RichEvent::from(Kept {
        tree: Tree {
            value: 1,
            children: Vec::new(),
        },
        ..event
    }));
    let tree = bytes.iter().zip(&before).position(|(a, b)| a != b).unwrap();
    value.extend_from_slice(&bytes[..tree]);
    value.resize(1 << 20, 2); // each a value, or one more child
    let message = RichEvent::decode(&value).unwrap_err().to_string();
    assert!(
        message.starts_with("records lie within each other deeper"),
        "{message}"
    );
}

#[test]
fn items_that_take_no_bytes_are_bounded_in_a_whole_value() {
    let most = Reader::MAX_EMPTY_ITEMS as usize;
    let with = |nothings: usize, empties: usize| Kept {
        nothings: vec![(); nothings],
        empties: vec![factum_build_tests::rich::Empty {}; empties],
        ..some_kept()
    };
    let full = RichEvent::from(with(most - 1, 1));
    assert_eq!(RichEvent::decode(&encoded(&full)).unwrap(), full);
    let message = error(with(most, 1));
    assert!(
        message.starts_with("arrays hold more than 65536 items that take no bytes"),
        "{message}"
    );
    let message = error(with(most + 1, 0));
    assert!(
        message.starts_with("arrays hold more than 65536 items that take no bytes"),
        "{message}"
    );
}

#[test]
fn a_time_that_nanoseconds_can_not_hold_is_not_read_as_another() {
    let kept = Kept {
        nanos: Timestamp::MAX,
        ..some_kept()
    };
    let message = error(kept);
    assert!(
        message.starts_with("a number is too large for its type `long`"),
        "{message}"
    );
}

#[test]
fn finer_times_are_cut_off_toward_the_past() {
    let fine = Kept {
        opens: time(23, 59, 59, 999_999_999),
        closes: time(0, 0, 0, 999),
        local_millis: datetime(1969, 12, 31, 23, 59, 59, 999_999_999),
        local_micros: datetime(1969, 12, 31, 23, 59, 59, 999_999_999),
        ..some_kept()
    };
    let coarse = Kept {
        opens: time(23, 59, 59, 999_000_000),
        closes: time(0, 0, 0, 0),
        local_millis: datetime(1969, 12, 31, 23, 59, 59, 999_000_000),
        local_micros: datetime(1969, 12, 31, 23, 59, 59, 999_999_000),
        ..fine.clone()
    };
    let value = encoded(&RichEvent::from(fine));
    assert_eq!(RichEvent::decode(&value).unwrap(), RichEvent::from(coarse));
}

#[test]
fn namespaces_are_modules() {
    let party = Party {
        name: "a".to_owned(),
    };
    let inner = spaces::deep::er::Party {
        kin: None,
        colour: Colour::Red,
    };
    let other = spaces::deep::er::Party {
        kin: Some(spaces::deep::er::PartyKin::TestSpacesDeepErParty(Box::new(
            inner,
        ))),
        colour: Colour::Blue,
    };
    let third = spaces::elsewhere::Party {
        colours: vec![Colour::Red],
        parent: None,
    };
    let met = SpacesEvent::from(Met {
        party,
        other,
        third,
    });
    assert_eq!(SpacesEvent::decode(&encoded(&met)).unwrap(), met);
}

#[test]
fn bytes_are_those_of_the_specification() {
    let kept = some_kept();
    let at = |price: &str| {
        let price: Decimal<9, 2> = price.parse().unwrap();
        encoded(&RichEvent::from(Kept {
            price,
            ..kept.clone()
        }))
    };
    let (one, two) = (at("0.01"), at("0.02"));
    let differs: Vec<_> = (0..one.len()).filter(|i| one[*i] != two[*i]).collect();
    let [place] = differs[..] else {
        panic!("{differs:?}")
    };
    assert_eq!(
        (&one[place - 1..=place], &two[place - 1..=place]),
        (&[2, 1][..], &[2, 2][..])
    );
    assert!(place > frame::LEN);
}

//! Events that borrow their text and bytes: the same as those that own them, whatever the bytes.

mod happened;
mod rich;
mod values;

use factum_build_tests::deals::{DealsEvent, DealsEventRef};
use factum_build_tests::everything::{EverythingEvent, EverythingEventRef, Happened};
use factum_build_tests::evolution::{self, EvolutionEvent, EvolutionEventRef};
use factum_build_tests::factum::schema::{Reader, frame, write};
use factum_build_tests::factum::{DecodeError, Event};
use factum_build_tests::loan::{Declined, LoanEvent, LoanEventRef, Submitted};
use factum_build_tests::names::{NamesEvent, NamesEventRef};
use factum_build_tests::rich::{Kept, RichEvent, RichEventRef};
use factum_build_tests::spaces::{SpacesEvent, SpacesEventRef};
use factum_build_tests::unions::{self, UnionsEvent, UnionsEventRef};
use factum_build_tests::upcast::{Inquired, Priced, UpcastEvent, UpcastEventRef};
use happened::happened;
use proptest::prelude::*;
use rich::kept;
use serde_json::Value;

/// An enum over events that has a borrowed form.
trait Borrow: Event + std::fmt::Debug {
    /// Reads it in that form, and makes it its own.
    fn read_borrowed(value: &[u8], spare: &mut Vec<u8>) -> Result<Self, DecodeError>;
}

macro_rules! borrow {
    ($($owned:ident, $borrowed:ident;)*) => {$(
        impl Borrow for $owned {
            fn read_borrowed(value: &[u8], spare: &mut Vec<u8>) -> Result<Self, DecodeError> {
                $borrowed::decode(value, spare).map(Self::from)
            }
        }
    )*};
}

borrow! {
    DealsEvent, DealsEventRef;
    EverythingEvent, EverythingEventRef;
    EvolutionEvent, EvolutionEventRef;
    LoanEvent, LoanEventRef;
    NamesEvent, NamesEventRef;
    RichEvent, RichEventRef;
    SpacesEvent, SpacesEventRef;
    UnionsEvent, UnionsEventRef;
    UpcastEvent, UpcastEventRef;
}

fn framed(fingerprint: u64, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    frame::write(&mut value, fingerprint);
    value.extend_from_slice(datum);
    value
}

fn encoded<E: Event>(event: &E) -> Vec<u8> {
    let mut out = Vec::new();
    event.encode(&mut out);
    out
}

/// The event, or the error: as text, since a number may be none and is then not even itself.
fn told<E: Borrow>(event: Result<E, DecodeError>) -> Result<String, String> {
    event
        .map(|event| format!("{event:?}"))
        .map_err(|error| error.to_string())
}

/// Both forms are the same event, or the same error.
fn agree<E: Borrow>(value: &[u8]) -> Result<(), TestCaseError> {
    let borrowed = E::read_borrowed(value, &mut vec![7]);
    prop_assert_eq!(told(borrowed), told(E::decode(value)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_data_is_the_same_in_both(datum in prop::collection::vec(prop_oneof![0..8_u8, any::<u8>()], 0..200)) {
        agree::<LoanEvent>(&framed(Submitted::FINGERPRINT_1, &datum))?;
        agree::<LoanEvent>(&framed(Submitted::FINGERPRINT_2, &datum))?;
        agree::<LoanEvent>(&framed(Submitted::FINGERPRINT_3, &datum))?;
        agree::<LoanEvent>(&framed(Declined::FINGERPRINT_1, &datum))?;
        agree::<EverythingEvent>(&framed(Happened::FINGERPRINT_1, &datum))?;
        agree::<EvolutionEvent>(&framed(evolution::Changed::FINGERPRINT_1, &datum))?;
        agree::<EvolutionEvent>(&framed(evolution::Changed::FINGERPRINT_2, &datum))?;
        agree::<RichEvent>(&framed(Kept::FINGERPRINT_1, &datum))?;
        agree::<UnionsEvent>(&framed(unions::Changed::FINGERPRINT_1, &datum))?;
        agree::<UnionsEvent>(&framed(unions::Changed::FINGERPRINT_2, &datum))?;
        agree::<UpcastEvent>(&framed(Priced::FINGERPRINT_2, &datum))?;
        agree::<UpcastEvent>(&framed(Priced::FINGERPRINT_3, &datum))?;
        agree::<LoanEvent>(&datum)?;
    }

    /// The schemas of these are read by no other test here.
    #[test]
    fn random_data_of_every_schema_is_the_same_in_both(datum in prop::collection::vec(0..8_u8, 0..60)) {
        for schema in DealsEvent::SCHEMAS {
            agree::<DealsEvent>(&framed(schema.fingerprint, &datum))?;
        }
        for schema in NamesEvent::SCHEMAS {
            agree::<NamesEvent>(&framed(schema.fingerprint, &datum))?;
        }
        for schema in SpacesEvent::SCHEMAS {
            agree::<SpacesEvent>(&framed(schema.fingerprint, &datum))?;
        }
    }

    #[test]
    fn an_upcasters_event_is_the_same_in_both(text in ".*", loud: bool) {
        let text = if loud { text + "!" } else { text };
        let mut datum = Vec::new();
        write::string(&mut datum, &text);
        agree::<UpcastEvent>(&framed(Inquired::ASKED_FINGERPRINT_1, &datum))?;
        datum.push(0);
        agree::<UpcastEvent>(&framed(Inquired::ASKED_FINGERPRINT_1, &datum))?;
    }
}

proptest! {
    #[test]
    fn events_are_the_same_in_both(happened in happened(), kept in kept(), damage in damage()) {
        let (mut happened, mut kept) = (
            encoded(&EverythingEvent::from(happened)),
            encoded(&RichEvent::from(kept)),
        );
        for value in [&mut happened, &mut kept] {
            agree::<EverythingEvent>(value)?;
            agree::<RichEvent>(value)?;
            do_damage(value, &damage);
            agree::<EverythingEvent>(value)?;
            agree::<RichEvent>(value)?;
        }
    }

    #[test]
    fn javas_values_are_the_same_in_both(damage in damage(), cut in any::<prop::sample::Index>()) {
        for (mut value, agree) in java() {
            agree(&value)?;
            agree(&value[..cut.index(value.len())])?;
            do_damage(&mut value, &damage);
            agree(&value)?;
        }
    }
}

fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
}

fn do_damage(value: &mut [u8], damage: &[(prop::sample::Index, u8)]) {
    for (index, byte) in damage {
        let index = index.index(value.len());
        value[index] = *byte;
    }
}

type Agree = fn(&[u8]) -> Result<(), TestCaseError>;

/// Values of all versions that Java wrote.
fn java() -> impl Iterator<Item = (Vec<u8>, Agree)> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("golden/vectors.json")).unwrap();
    vectors.into_iter().map(|vector| {
        let agree: Agree = match vector["file"]
            .as_str()
            .unwrap()
            .rsplitn(3, '/')
            .last()
            .unwrap()
        {
            "bank/loan" => agree::<LoanEvent>,
            "test/everything" => agree::<EverythingEvent>,
            "test/evolution" => agree::<EvolutionEvent>,
            "test/rich" => agree::<RichEvent>,
            "test/unions" => agree::<UnionsEvent>,
            other => panic!("nothing is generated for {other}"),
        };
        (unhex(vector["value"].as_str().unwrap()), agree)
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// Version 1 of `unions::Changed` up to its field `tree`.
const BEFORE_TREE: [u8; 10] = [0; 10];

#[test]
fn bytes_can_not_exhaust_the_stack() {
    let mut datum = BEFORE_TREE.to_vec();
    datum.resize(1 << 20, 2); // each a value, or one more child
    let value = framed(unions::Changed::FINGERPRINT_1, &datum);
    let error = UnionsEventRef::decode(&value, &mut Vec::new())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("records lie within each other deeper"),
        "{error}"
    );
    agree::<UnionsEvent>(&value).unwrap();
}

#[test]
fn items_that_take_no_bytes_are_bounded() {
    let mut datum = BEFORE_TREE.to_vec();
    datum.extend([0; 4]); // tree: 0, no children; goneTree: null; goneEmpties: none
    write::long(&mut datum, i64::from(Reader::MAX_EMPTY_ITEMS) + 1);
    let value = framed(unions::Changed::FINGERPRINT_1, &datum);
    let error = UnionsEventRef::decode(&value, &mut Vec::new())
        .unwrap_err()
        .to_string();
    assert!(error.contains("items that take no bytes"), "{error}");
    agree::<UnionsEvent>(&value).unwrap();
}

/// Whether what was read lies within the value.
#[track_caller]
fn lies_in(value: &[u8], part: &[u8]) {
    let (value, part) = (value.as_ptr_range(), part.as_ptr_range());
    assert!(
        value.start <= part.start && part.end <= value.end,
        "it was copied"
    );
}

#[test]
fn what_java_wrote_of_an_older_version_is_borrowed() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("golden/vectors.json")).unwrap();
    let vector = vectors
        .iter()
        .find(|v| v["file"] == "test/evolution/Changed/1.avsc")
        .unwrap();
    let value = unhex(vector["value"].as_str().unwrap());
    let mut spare = vec![7];
    let EvolutionEventRef::Changed(changed) =
        EvolutionEventRef::decode(&value, &mut spare).unwrap();
    lies_in(&value, changed.newest.as_bytes()); // renamed
    lies_in(&value, changed.bytes_string.as_bytes()); // bytes once
    lies_in(&value, changed.string_bytes); // a string once
    lies_in(&value, changed.id_string.as_bytes()); // a UUID once
    lies_in(&value, changed.hash);
    lies_in(&value, changed.flipped.unwrap().as_bytes());
    let (key, couple) = changed.pairs.first_key_value().unwrap();
    lies_in(&value, key.as_bytes());
    lies_in(&value, couple.left);
    assert_eq!(changed.added_string, "\"zwölf\"\n");
    assert_eq!(changed.added_bytes, [b'a', 255, 0]);
    assert_eq!(changed.added_fixed, &[1, 2, 254, 255]);
    assert_eq!(changed.added_map, [("a", 1), ("b/c", 2)].into());
    assert_eq!(spare, [7], "nothing was to be copied");
}

#[test]
fn what_an_upcaster_makes_is_borrowed_from_the_spare_buffer() {
    let mut datum = Vec::new();
    write::string(&mut datum, "Who is there?!");
    let value = framed(Inquired::ASKED_FINGERPRINT_1, &datum);
    let mut spare = vec![7; 1_000];
    let start = spare.as_ptr_range();
    let UpcastEventRef::Inquired(inquired) = UpcastEventRef::decode(&value, &mut spare).unwrap()
    else {
        panic!("another event");
    };
    assert_eq!((inquired.question, inquired.loud), ("Who is there?!", true));
    assert!(
        start.contains(&inquired.question.as_ptr()),
        "the buffer was not used again"
    );
}

/// A type without text and bytes is one type: it is handed on as it is.
#[test]
fn what_borrows_nothing_is_shared() {
    let LoanEvent::Submitted(submitted) = LoanEvent::decode(&java().next().unwrap().0).unwrap()
    else {
        panic!("another event");
    };
    let value = encoded(&LoanEvent::from(submitted.clone()));
    let mut spare = Vec::new();
    let LoanEventRef::Submitted(borrowed) = LoanEventRef::decode(&value, &mut spare).unwrap()
    else {
        panic!("another event");
    };
    let term: &factum_build_tests::loan::Term = &borrowed.term;
    assert_eq!(term, &submitted.term);
    assert_eq!(borrowed.channel, submitted.channel);
    assert_eq!(Submitted::from(borrowed), submitted);
}

/// Whether an event of a loan is one for the desk that looks into fraud: `docs/schemas.md`.
fn is_suspicious(value: &[u8], spare: &mut Vec<u8>) -> Result<bool, DecodeError> {
    Ok(match LoanEventRef::decode(value, spare)? {
        LoanEventRef::Submitted(submitted) => submitted.note.is_some_and(|it| it.contains("cash")),
        LoanEventRef::Declined(declined) => declined.r#type == "FRAUD",
        LoanEventRef::Activated(_) => false,
    })
}

#[test]
fn one_buffer_serves_all_events_of_a_router() {
    let declined = |why: &str| Declined {
        r#type: why.to_owned(),
        at: jiff::Timestamp::UNIX_EPOCH,
    };
    let events = ["FRAUD", "INCOME"].map(|why| encoded(&LoanEvent::from(declined(why))));
    let mut spare = Vec::new();
    let suspicious = events.map(|value| is_suspicious(&value, &mut spare).unwrap());
    assert_eq!(suspicious, [true, false]);
}

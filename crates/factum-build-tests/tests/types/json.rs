//! Serde's derives: every type in JSON and back, and what it looks like.

use std::fmt::Debug;

use factum_build_tests::factum::Event;
use factum_build_tests::typed::{chrono, jiff, rust_decimal, time};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, from_value, json, to_value};

use crate::held::{bytes, digest, encoded, shown};

/// The JSON of an event, which reads back.
fn json<E>(value: &[u8]) -> Value
where
    E: Event + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let event = E::decode(value).unwrap();
    let json = to_value(&event).unwrap();
    assert_eq!(from_value::<E>(json.clone()).unwrap(), event);
    json
}

/// As [`json`], in a form that does not say what it holds.
fn binary<E>(value: &[u8])
where
    E: Event + Serialize + DeserializeOwned + PartialEq + Debug,
{
    let event = E::decode(value).unwrap();
    let bytes = postcard::to_stdvec(&event).unwrap();
    assert_eq!(postcard::from_bytes::<E>(&bytes).unwrap(), event);
}

proptest! {
    #[test]
    fn every_event_reads_back(value in bytes()) {
        json::<jiff::TypedEvent>(&value);
        json::<chrono::TypedEvent>(&value);
        json::<time::TypedEvent>(&value);
        json::<rust_decimal::TypedEvent>(&value);
        binary::<jiff::TypedEvent>(&value);
        binary::<chrono::TypedEvent>(&value);
        binary::<time::TypedEvent>(&value);
    }
}

fn shown_as<E>() -> Value
where
    E: Event + Serialize + DeserializeOwned + PartialEq + Debug,
{
    json::<E>(&encoded(&jiff::TypedEvent::from(shown())))["Held"].take()
}

#[test]
fn everything_is_called_as_in_the_schema() {
    let digest = digest(7).to_vec();
    let expected = json!({
        "large": 1_i64 << 60,
        "raw": [0, 255],
        "flag": true,
        "small": -1,
        "single": 0.5,
        "double": 0.25,
        "text": "größer",
        "nothing": null,
        "colour": "DARK_GREEN",
        "hash": [104, 97, 115, 104],
        "digest": digest,
        "maybeDigest": digest,
        "digests": [digest],
        "digestsByName": {"one": digest},
        "digestsDeeper": {"two": [digest, null]},
        "choice": {"bytes": "0.5000000000000000000000000000"},
        "choices": [
            {"long": "08:00:00.000001"},
            {"test.typed.Card": {"cardNumber": "1", "digest": digest}},
        ],
        "tree": {
            "at": "2011-10-01T08:00:00Z",
            "children": [{"at": "2011-10-01T08:00:00Z", "children": []}],
        },
        "chain": {
            "item": {"test.typed.Link": {"item": {"test.typed.Colour": "RED"}, "next": null}},
            "next": {"item": {"test.typed.Colour": "RED"}, "next": null},
        },
        "price": "19.90",
        "amount": "-0.5000000000",
        "maybePrice": "0.01",
        "prices": {"three": ["3.0000000000"]},
        "exact": "12.3",
        "id": "123e4567-e89b-12d3-a456-426614174000",
        "key": "123e4567-e89b-12d3-a456-426614174000",
        "span": {"months": 1, "days": 2, "millis": 3},
        "day": "2011-10-01",
        "opens": "08:00:00",
        "closes": "18:30:00.25",
        "millis": "2011-10-01T08:00:00.001Z",
        "micros": "2011-10-01T08:00:00.000001Z",
        "nanos": "2011-10-01T08:00:00.000000001Z",
        "localMillis": "2011-10-01T10:00:00.001",
        "localMicros": "2011-10-01T10:00:00.000001",
        "localNanos": "2011-10-01T10:00:00.000000001",
        "days": {"first": "0001-01-01", "none": null},
    });
    assert_eq!(shown_as::<jiff::TypedEvent>(), expected);
    assert_eq!(shown_as::<rust_decimal::TypedEvent>(), expected);
}

#[test]
fn times_look_as_their_crate_has_them() {
    let times = |json: &Value| {
        let keys = ["day", "opens", "closes", "millis", "localMicros"];
        keys.map(|key| json[key].as_str().unwrap().to_owned())
    };
    assert_eq!(
        times(&shown_as::<chrono::TypedEvent>()),
        [
            "2011-10-01",
            "08:00:00",
            "18:30:00.250",
            "2011-10-01T08:00:00.001Z",
            "2011-10-01T10:00:00.000001",
        ]
    );
    assert_eq!(
        times(&shown_as::<time::TypedEvent>()),
        [
            "2011-10-01",
            "08:00:00.0",
            "18:30:00.25",
            "2011-10-01 08:00:00.001 +00:00:00",
            "2011-10-01 10:00:00.000001",
        ]
    );
}

#[test]
fn what_may_be_null_may_be_left_out() {
    let mut json = shown_as::<jiff::TypedEvent>();
    let fields = json.as_object_mut().unwrap();
    for name in ["maybeDigest", "digestsDeeper", "maybePrice", "choice"] {
        fields.remove(name);
    }
    let held: jiff::Held = from_value(json.clone()).unwrap();
    assert_eq!(
        (held.maybe_digest, held.digests_deeper, held.choice),
        (None, None, None)
    );
    json.as_object_mut().unwrap().remove("digest");
    assert!(from_value::<jiff::Held>(json).is_err());
}

#[test]
fn a_fixed_has_its_number_of_bytes() {
    for bytes in [32, 34] {
        let mut json = shown_as::<jiff::TypedEvent>();
        json["digest"] = vec![0; bytes].into();
        let error = from_value::<jiff::Held>(json).unwrap_err().to_string();
        assert!(error.contains("invalid length"), "{error}");
    }
}

//! Events of older versions, read as the newest. That Java agrees is `golden.rs`; this says what the
//! values are.

use factum_build_tests::evolution::{Changed, Couple, EvolutionEvent, Mood};
use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::{frame, write};
use factum_build_tests::loan::{Channel, LoanEvent, Submitted, Term};
use jiff::Timestamp;
use jiff::civil::date;
use serde_json::Value;
use uuid::Uuid;

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

#[test]
fn a_first_version_is_read_as_the_third() {
    let (applicant, at) = (
        Uuid::from_u128(7),
        Timestamp::from_microsecond(1_317_456_000_000_123).unwrap(),
    );
    let mut value = Vec::new();
    frame::write(&mut value, Submitted::FINGERPRINT_1);
    write::uuid(&mut value, applicant);
    write::int(&mut value, 20_000);
    write::timestamp_micros(&mut value, at);
    write::index(&mut value, 2); // FAX, which is gone
    write::string(&mut value, "spring"); // the campaign, which is gone
    let expected = Submitted {
        submitted_at: at,
        applicant,
        amount: 20_000.0,
        channel: Channel::Other,
        note: None,
        term: Term {
            months: 12,
            starts: date(1970, 1, 1),
        },
    };
    assert_eq!(
        LoanEvent::decode(&value).unwrap(),
        LoanEvent::from(expected)
    );
}

/// The first vector of version 1 of `Changed`, which Java wrote.
fn changed() -> Changed {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("golden/vectors.json")).unwrap();
    let vector = vectors
        .iter()
        .find(|v| v["file"] == "test/evolution/Changed/1.avsc")
        .unwrap();
    let EvolutionEvent::Changed(changed) =
        EvolutionEvent::decode(&unhex(vector["value"].as_str().unwrap())).unwrap();
    changed
}

#[test]
fn fields_that_stayed_keep_their_values() {
    let changed = changed();
    assert_eq!(
        (changed.second.as_str(), changed.newest.as_str()),
        ("2nd", "1st")
    );
    assert_eq!(changed.hash, *b"hash");
    assert_eq!(changed.counts, [1.0, -2.0, 3.0]);
    assert_eq!(changed.moods, [Mood::Good, Mood::Fine, Mood::Ugly]);
    assert_eq!(changed.flipped.as_deref(), Some("f"));
    assert_eq!(changed.plain_nullable, Some(3.0));
    assert_eq!(changed.id_string, "123e4567-e89b-12d3-a456-426614174000");
    assert_eq!((changed.time_long, changed.int_long), (-1, -7));
    assert_eq!(
        (
            changed.bytes_string.as_str(),
            changed.string_bytes.as_slice()
        ),
        ("text", "bytes ☃".as_bytes())
    );
    assert_eq!(
        (changed.float_double, changed.int_double),
        (f64::from(0.1_f32), 2_147_483_647.0)
    );
    assert_eq!(
        (changed.long_double, changed.long_float),
        (9_007_199_254_740_992.0, 9_007_199_254_740_992.0)
    );
    assert_eq!(changed.int_float, 16_777_216.0);
    let couple = Couple {
        extra: -5,
        right: Some(Mood::Fine),
        left: b"l".to_vec(),
    };
    assert_eq!(changed.pairs, [("x".to_owned(), couple)].into());
}

#[test]
fn fields_that_were_added_take_their_defaults() {
    let changed = changed();
    assert_eq!(
        (changed.added_bool, changed.added_int, changed.added_long),
        (true, i32::MIN, i64::MAX)
    );
    assert_eq!((changed.added_float, changed.added_double), (1.0, -0.0025));
    assert_eq!(
        (changed.added_bytes.as_slice(), changed.added_fixed),
        (&[b'a', 255, 0][..], [1, 2, 254, 255])
    );
    assert_eq!(changed.added_string, "\"zwölf\"\n");
    assert_eq!(
        changed.added_millis,
        Timestamp::from_millisecond(-1_500).unwrap()
    );
    assert_eq!(
        changed.added_micros,
        Timestamp::from_microsecond(1_700_000_000_000_001).unwrap()
    );
    assert_eq!(changed.added_date, date(1969, 12, 31));
    assert_eq!(
        changed.added_id.to_string(),
        "123e4567-e89b-12d3-a456-426614174000"
    );
    assert_eq!(changed.added_mood, Mood::Good);
    assert_eq!(
        (changed.added_null, changed.added_some.as_deref()),
        (None, Some("some"))
    );
    assert_eq!(
        (changed.added_array, changed.added_empty),
        (vec![None, None], vec![])
    );
    assert_eq!(
        changed.added_map,
        [("a".to_owned(), 1), ("b/c".to_owned(), 2)].into()
    );
    let couple = Couple {
        extra: -5,
        right: None,
        left: vec![0xe9],
    };
    assert_eq!(changed.added_record, couple);
    assert_eq!(
        changed.added_couples,
        [Couple {
            extra: 9,
            right: None,
            left: vec![]
        }]
    );
}

//! Events that Rust code reads as the newest, that became others, and that are retired.

use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::{frame, write};
use factum_build_tests::upcast::{Faxed, Inquired, Pace, Payer, Priced, Term, UpcastEvent};

fn value(fingerprint: u64, fields: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut value = Vec::new();
    frame::write(&mut value, fingerprint);
    fields(&mut value);
    value
}

#[track_caller]
fn reads(value: &[u8], event: impl Into<UpcastEvent>) {
    assert_eq!(UpcastEvent::decode(value).unwrap(), event.into());
}

fn priced(amount: i64) -> Priced {
    Priced {
        note: None,
        payer: Payer {
            given: "Ada".to_owned(),
            family: "Byron".to_owned(),
        },
        term: Term {
            months: 12,
            pace: Pace::Fast,
        },
        amount,
    }
}

fn priced_1(euros: i64) -> Vec<u8> {
    value(Priced::FINGERPRINT_1, |out| {
        write::long(out, euros);
        write::int(out, 12);
        write::index(out, 1);
        write::string(out, "Ada Byron");
    })
}

#[test]
fn an_upcaster_makes_the_newest_version() {
    reads(&priced_1(250), priced(25_000));
}

#[test]
fn versions_beside_it_are_read_by_avros_rules() {
    let second = value(Priced::FINGERPRINT_2, |out| {
        write::int(out, 25_000);
        write::int(out, 12);
        write::index(out, 1);
        write::string(out, "Ada");
        write::string(out, "Byron");
    });
    reads(&second, priced(25_000));
    let mut third = Vec::new();
    UpcastEvent::from(priced(1)).encode(&mut third);
    assert_eq!(third[..10], value(Priced::FINGERPRINT_3, |_| ()));
    reads(&third, priced(1));
}

#[test]
fn what_an_upcaster_gets_was_checked_to_its_end() {
    let whole = priced_1(250);
    for end in 0..whole.len() {
        assert!(UpcastEvent::decode(&whole[..end]).is_err(), "{end}");
    }
    let longer = [whole.as_slice(), &[0]].concat();
    assert!(UpcastEvent::decode(&longer).is_err());
}

#[test]
fn an_event_that_became_another_is_read_as_that() {
    let first = value(Inquired::ASKED_FINGERPRINT_1, |out| {
        write::string(out, "What?!")
    });
    reads(
        &first,
        Inquired {
            loud: true,
            question: "What?!".to_owned(),
            by: "somebody".to_owned(),
        },
    );
    let second = value(Inquired::ASKED_FINGERPRINT_2, |out| {
        write::string(out, "What");
        write::boolean(out, true);
    });
    let inquired = UpcastEvent::decode(&second).unwrap();
    assert_eq!(inquired.name(), "Inquired");
    reads(
        &second,
        Inquired {
            loud: true,
            question: "What".to_owned(),
            by: "nobody".to_owned(),
        },
    );
    let versions = Inquired::SCHEMAS.iter().map(|s| (s.event, s.version));
    assert!(versions.eq([("Asked", 1), ("Asked", 2), ("Inquired", 1)]));
}

#[test]
fn a_retired_event_is_read_and_written_as_ever() {
    let faxed = value(Faxed::FINGERPRINT_1, |out| write::int(out, 3));
    let event = UpcastEvent::decode(&faxed).unwrap();
    assert_eq!(event, UpcastEvent::Faxed(Faxed { pages: 3 }));
    let mut again = Vec::new();
    event.encode(&mut again);
    assert_eq!(again, faxed);
}

//! A type in a file of its own: each version of an event has its version of the type.

use factum_build_tests::deals::{Agreed, DealsEvent, test::Amount};
use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::{Schema, frame, write};

#[test]
fn an_older_event_has_the_older_version_of_the_type() {
    let mut value = Vec::new();
    frame::write(&mut value, Agreed::FINGERPRINT_1);
    write::int(&mut value, 1990);
    let price = Amount {
        cents: 1990,
        currency: "EUR".to_owned(),
    };
    let expected = Agreed { price, fee: None };
    assert_eq!(
        DealsEvent::decode(&value).unwrap(),
        DealsEvent::from(expected)
    );
}

#[test]
fn what_is_embedded_is_whole() {
    for version in Agreed::SCHEMAS {
        let schema = Schema::parse(version.json).unwrap();
        assert_eq!(schema.fingerprint(), version.fingerprint);
        apache_avro::Schema::parse_str(version.json).unwrap();
    }
}

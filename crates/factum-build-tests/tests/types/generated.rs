//! The generated code, with each crate's types: what one writes the others read, and they write the same.

use chrono::NaiveDate;
use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::{frame, write};
use factum_build_tests::typed::{chrono as with_chrono, jiff, rust_decimal, time as with_time};
use proptest::prelude::*;
use time::macros::datetime;

use crate::held::{bytes, decimal, encoded};

/// Reads an event and writes it again.
fn renewed<E: Event>(value: &[u8]) -> Vec<u8> {
    encoded(&E::decode(value).unwrap())
}

fn each_renews(value: &[u8], newest: &[u8]) {
    assert_eq!(renewed::<jiff::TypedEvent>(value), newest);
    assert_eq!(renewed::<with_chrono::TypedEvent>(value), newest);
    assert_eq!(renewed::<with_time::TypedEvent>(value), newest);
    assert_eq!(renewed::<rust_decimal::TypedEvent>(value), newest);
}

proptest! {
    #[test]
    fn every_event_is_the_same_bytes_again(value in bytes()) {
        each_renews(&value, &value);
        each_borrows(&value);
    }
}

macro_rules! borrow_as_owned {
    ($($types:ident)*) => {
        /// What each crate's types are in the borrowed form is what they are in the owned one.
        fn each_borrows(value: &[u8]) {
            $({
                let mut spare = Vec::new();
                let borrowed = $types::TypedEventRef::decode(value, &mut spare).unwrap();
                let owned = $types::TypedEvent::decode(value).unwrap();
                assert_eq!($types::TypedEvent::from(borrowed), owned);
            })*
        }
    };
}

borrow_as_owned!(jiff with_chrono with_time rust_decimal);

/// Version 1, in which a decimal is that no `rust_decimal` holds.
fn first_version() -> Vec<u8> {
    let mut value = Vec::new();
    frame::write(&mut value, jiff::Held::FINGERPRINT_1);
    write::int(&mut value, 7);
    write::decimal(&mut value, decimal::<38, 10>("12345678901234567890.5"));
    write::decimal(&mut value, decimal::<38, 2>("2.55"));
    value
}

#[test]
fn older_versions_get_the_same_defaults() {
    let value = first_version();
    let newest = renewed::<jiff::TypedEvent>(&value);
    each_renews(&value, &newest);
    each_borrows(&value);
    let with_chrono::TypedEvent::Held(held) = with_chrono::TypedEvent::decode(&value).unwrap();
    assert_eq!((held.large, held.raw), (7, vec![0, 255]));
    assert_eq!(held.day, NaiveDate::from_ymd_opt(1969, 12, 31).unwrap());
    assert_eq!(held.nanos.to_string(), "1969-12-31 23:59:59.999999999 UTC");
    assert_eq!(held.opens.to_string(), "23:59:59.999");
    let with_time::TypedEvent::Held(held) = with_time::TypedEvent::decode(&value).unwrap();
    assert_eq!(held.tree.at, datetime!(1969-12-31 23:59:59.999999 UTC));
    assert_eq!(held.local_millis, datetime!(1969-12-31 23:59:59.999));
    let rust_decimal::TypedEvent::Held(held) = rust_decimal::TypedEvent::decode(&value).unwrap();
    assert_eq!(held.price.to_string(), "-0.01");
    assert_eq!(held.amount.to_string(), "0.0000000256");
}

//! Decimals: the same bytes for `rust_decimal` as for Factum's own, and nothing rounded.

use factum_schema::{Decimal, DecodeErrorKind as Kind, Reader, write};
use proptest::prelude::*;
use rust_decimal::Decimal as RustDecimal;

use crate::values;

fn on_bytes(value: RustDecimal) -> Vec<u8> {
    let mut out = Vec::new();
    write::decimal::<9, 2, _>(&mut out, value);
    out
}

fn on_fixed(value: RustDecimal) -> Vec<u8> {
    let mut out = Vec::new();
    write::decimal_fixed::<4, 9, 2, _>(&mut out, value);
    out
}

fn number(text: &str) -> RustDecimal {
    text.parse().unwrap()
}

#[test]
fn any_scale_that_loses_no_digit_is_written() {
    for (text, bytes, fixed) in [
        ("0", &[2, 0][..], [0, 0, 0, 0]),
        ("-0.00", &[2, 0], [0, 0, 0, 0]),
        ("1.5", &[4, 0, 150], [0, 0, 0, 150]),
        ("1.50000", &[4, 0, 150], [0, 0, 0, 150]),
        ("-0.01", &[2, 0xff], [0xff; 4]),
        (
            "9999999.99",
            &[8, 0x3b, 0x9a, 0xc9, 0xff],
            [0x3b, 0x9a, 0xc9, 0xff],
        ),
        (
            "-9999999.99",
            &[8, 0xc4, 0x65, 0x36, 0x01],
            [0xc4, 0x65, 0x36, 0x01],
        ),
    ] {
        assert_eq!(on_bytes(number(text)), bytes, "{text}");
        assert_eq!(on_fixed(number(text)), fixed, "{text}");
    }
}

#[test]
fn what_the_schema_has_no_digits_for_can_not_be_read() {
    for text in [
        "1.005",
        "10000000",
        "-10000000.00",
        "0.0000000000000000000000000001",
    ] {
        let (bytes, fixed) = (on_bytes(number(text)), on_fixed(number(text)));
        let error = Reader::new(&bytes)
            .decimal::<9, 2, RustDecimal>()
            .unwrap_err();
        assert_eq!(error.kind(), &Kind::Logical("decimal"), "{text}");
        let error = Reader::new(&fixed)
            .decimal_fixed::<4, 9, 2, RustDecimal>()
            .unwrap_err();
        assert_eq!(error.kind(), &Kind::Logical("decimal"), "{text}");
        let own = Reader::new(&fixed).decimal_fixed::<4, 9, 2, Decimal<9, 2>>();
        assert!(own.is_err(), "{text}");
    }
    assert_eq!(on_fixed(number("1.005")).len(), 4);
}

#[test]
fn what_is_read_has_the_scale_of_the_schema() {
    let read: RustDecimal = Reader::new(&[4, 0, 150]).decimal::<9, 2, _>().unwrap();
    assert_eq!(read.to_string(), "1.50");
    let most = "9".repeat(28);
    let mut out = Vec::new();
    write::decimal::<28, 0, _>(&mut out, number(&most));
    let read: RustDecimal = Reader::new(&out).decimal::<28, 0, _>().unwrap();
    assert_eq!(read.to_string(), most);
    let error = Reader::new(&[8, 0x3b, 0x9a, 0xca, 0]).decimal::<9, 2, RustDecimal>();
    assert_eq!(error.unwrap_err().kind(), &Kind::Logical("decimal"));
}

proptest! {
    #[test]
    fn both_crates_write_and_read_the_same(own in values::decimal::<28, 10>()) {
        let other = RustDecimal::try_from(own).unwrap();
        let (mut own_bytes, mut bytes) = (Vec::new(), Vec::new());
        write::decimal::<28, 10, _>(&mut own_bytes, own);
        write::decimal::<28, 10, _>(&mut bytes, other);
        prop_assert_eq!(&bytes, &own_bytes);
        prop_assert_eq!(Reader::new(&bytes).decimal::<28, 10, RustDecimal>(), Ok(other));
        bytes.clear();
        own_bytes.clear();
        write::decimal_fixed::<12, 28, 10, _>(&mut own_bytes, own);
        write::decimal_fixed::<12, 28, 10, _>(&mut bytes, other);
        prop_assert_eq!(&bytes, &own_bytes);
        prop_assert_eq!(Reader::new(&bytes).decimal_fixed::<12, 28, 10, RustDecimal>(), Ok(other));
    }
}

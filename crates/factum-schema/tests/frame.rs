//! What stands before a value: both frames, and whatever else turns up in a topic.

use factum_schema::frame::{self, Frame, NoFrame};
use factum_schema::{DecodeErrorKind, Reader, ids};
use proptest::prelude::*;

const FINGERPRINT: u64 = 0x0102_0304_0506_0708;
const SINGLE_OBJECT: [u8; frame::LEN] = [0xc3, 0x01, 8, 7, 6, 5, 4, 3, 2, 1];

fn written(frame: Frame) -> Vec<u8> {
    let mut out = Vec::new();
    frame.write(&mut out);
    out
}

fn met(value: &[u8]) -> NoFrame {
    Frame::parse(value).unwrap_err()
}

#[test]
fn both_frames_are_as_their_specifications_say() {
    let (fingerprint, id) = (FINGERPRINT, 0x0102);
    let mut out = Vec::new();
    frame::write(&mut out, fingerprint);
    assert_eq!(out, SINGLE_OBJECT);
    assert_eq!(written(Frame::SingleObject { fingerprint }), SINGLE_OBJECT);
    let confluent = written(Frame::Confluent { id });
    assert_eq!(confluent, [0, 0, 0, 1, 2]);
    assert_eq!(confluent.len(), frame::CONFLUENT_LEN);
}

#[test]
fn a_reader_takes_both_and_learns_ids() {
    let id = 800_001;
    let mut value = written(Frame::Confluent { id });
    value.push(42);
    let mut unknown = Reader::new(&value);
    let error = unknown.frame().unwrap_err();
    assert_eq!(*error.kind(), DecodeErrorKind::UnknownId { id });
    assert!(error.to_string().contains("schema id 800001"), "{error}");
    assert_eq!(unknown.position(), 0);

    ids::learn(id, FINGERPRINT).unwrap();
    let mut input = Reader::new(&value);
    assert_eq!(input.frame(), Ok(FINGERPRINT));
    assert_eq!(input.position(), frame::CONFLUENT_LEN);

    let mut input = Reader::new(&SINGLE_OBJECT);
    assert_eq!(input.frame(), Ok(FINGERPRINT));
    assert_eq!(input.position(), frame::LEN);
}

#[test]
fn what_else_is_met_is_named() {
    let guid = [
        1, 0xa1, 0xa2, 0xa3, 0xa4, 0xb1, 0xb2, 0xc1, 0xc2, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6,
        0xd7, 0xd8, 7,
    ];
    for (value, expected) in [
        (&[][..], "the value is empty"),
        (&[0xc3], "the value ends within its frame, after 1 bytes"),
        (
            &SINGLE_OBJECT[..9],
            "the value ends within its frame, after 9 bytes",
        ),
        (
            &[0, 0, 0, 1],
            "the value ends within its frame, after 4 bytes",
        ),
        (
            &guid,
            "the value is in Confluent's newer framing (01, GUID a1a2a3a4-b1b2-c1c2-d1d2-d3d4d5d6d7d8), which is not \
             read: have its writer send schema ids",
        ),
        (
            &guid[..16],
            "the value ends within its frame, after 16 bytes",
        ),
        (
            b"Obj\x01\x04",
            "the value is an Avro file (it starts with `Obj`), which carries its own schema",
        ),
        (
            b" {\"a\": 12345}",
            "the value looks like JSON: ` {\\\"a\\\": 12345}`",
        ),
        (
            "ein Text, der nicht aufhört".as_bytes(),
            "the value looks like text: `ein Text, der nicht aufh…`",
        ),
        (
            &[0xff, 0, 1, 2, 3],
            "the value starts with the bytes ff 00 01 02",
        ),
    ] {
        assert_eq!(met(value).to_string(), expected);
        let error = Reader::new(value).frame().unwrap_err();
        let read = "; Avro is expected, in single-object encoding (c3 01, fingerprint) or in Confluent's framing \
                    (00, schema id) (byte 0)";
        assert_eq!(error.to_string(), format!("{expected}{read}"));
    }
}

proptest! {
    /// Any bytes are a frame with its datum, or are told what they look like: never both, never a panic.
    #[test]
    fn any_bytes_are_told(bytes in prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0xc3), Just(b'{'), any::<u8>()], 0..40)) {
        match Frame::parse(&bytes) {
            Ok((frame, datum)) => {
                let mut again = written(frame);
                again.extend_from_slice(datum);
                prop_assert_eq!(again, bytes);
            }
            Err(none) => prop_assert!(!none.to_string().is_empty()),
        }
    }
}

//! The record of a command that was handled without an event.
//!
//! It stands among the events of its partition, takes a sequence of its own and is valid by the same
//! rule, so that whoever owns the partition next knows that the command was handled, and how. Readers
//! of events pass over it.

use crate::avro;

/// The schema of the record's value, so that any Avro tool can read a whole topic.
pub const HANDLED_SCHEMA: &str = include_str!("../schemas/Handled.avsc");

/// Avro single-object encoding: marker and CRC-64-AVRO of [`HANDLED_SCHEMA`], little-endian.
const FRAME: [u8; 10] = [0xc3, 0x01, 0xf2, 0xaf, 0x4e, 0xae, 0x03, 0xfa, 0x89, 0x1e];

/// The value of a [`Header::Handled`](crate::Header::Handled) record: what the caller was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handled<'a> {
    /// The outcome, as JSON.
    pub outcome: &'a str,
}

impl<'a> Handled<'a> {
    /// Appends the value's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&FRAME);
        avro::string(out, self.outcome);
    }

    /// Reads the value; `None` if the bytes are not one.
    pub fn decode(value: &'a [u8]) -> Option<Self> {
        let outcome = avro::read_string(value.strip_prefix(&FRAME)?)?;
        Some(Self { outcome })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parsing canonical form of [`HANDLED_SCHEMA`].
    const CANONICAL: &str = r#"{"name":"factum.Handled","type":"record","fields":[{"name":"outcome","type":"string"}]}"#;

    #[test]
    fn the_frame_names_the_schema() {
        let fingerprint = avro::fingerprint(CANONICAL).to_le_bytes();
        assert_eq!(FRAME[2..], fingerprint, "{fingerprint:02x?}");
    }

    #[test]
    fn only_what_was_written_is_read() {
        let mut value = Vec::new();
        Handled { outcome: "{}" }.encode(&mut value);
        assert_eq!(value[10..], [4, b'{', b'}']);
        assert_eq!(Handled::decode(&value), Some(Handled { outcome: "{}" }));
        assert_eq!(Handled::decode(&value[..12]), None);
        assert_eq!(Handled::decode(b""), None);
    }
}

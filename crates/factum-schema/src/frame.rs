//! Avro's single-object encoding: what stands before a value, so that a reader knows its schema.
//!
//! Two marker bytes, `C3 01`, then the schema's fingerprint as eight bytes, little-endian.

use crate::{DecodeError, DecodeErrorKind as Kind, Reader};

const MARKER: [u8; 2] = [0xc3, 0x01];

/// How many bytes stand before a value.
pub const LEN: usize = 10;

/// Appends the frame of a value that is written with the schema of that fingerprint.
#[inline]
pub fn write(out: &mut Vec<u8>, fingerprint: u64) {
    let mut frame = [0; LEN];
    frame[..2].copy_from_slice(&MARKER);
    frame[2..].copy_from_slice(&fingerprint.to_le_bytes());
    out.extend_from_slice(&frame);
}

impl Reader<'_> {
    /// Reads the frame, and returns the fingerprint of the schema that the value was written with.
    ///
    /// # Errors
    /// The value is not in single-object encoding; the error says what it looks like.
    #[inline]
    pub fn frame(&mut self) -> Result<u64, DecodeError> {
        let framed = self.rest.strip_prefix(&MARKER);
        match framed.and_then(<[u8]>::split_first_chunk) {
            Some((fingerprint, rest)) => {
                self.rest = rest;
                Ok(u64::from_le_bytes(*fingerprint))
            }
            None => Err(self.error(Kind::UnknownFrame(describe(self.rest)))),
        }
    }
}

#[cold]
fn describe(value: &[u8]) -> String {
    let met = match *value {
        [] => "the value is empty".to_owned(),
        [0, a, b, c, d, ..] => {
            let id = u32::from_be_bytes([a, b, c, d]);
            format!("the value looks like Confluent's framing with the schema id {id}")
        }
        [0xc3, 0x01, ..] => format!(
            "the value ends within its frame, after {} bytes",
            value.len()
        ),
        _ => {
            let start: Vec<_> = value.iter().take(4).map(|b| format!("{b:02x}")).collect();
            format!("the value starts with the bytes {}", start.join(" "))
        }
    };
    format!("{met}; Avro's single-object encoding (c3 01, fingerprint) is expected")
}

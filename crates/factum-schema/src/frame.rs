//! What stands before a value, so that a reader knows its schema.
//!
//! Two frames are read and written:
//!
//! - Avro's single-object encoding, the default: two marker bytes, `C3 01`, then the schema's
//!   fingerprint as eight bytes, little-endian;
//! - Confluent's: a zero byte, then the id that a schema registry gave the schema, as four bytes,
//!   big-endian.
//!
//! Code that was generated knows fingerprints only. What id stands for which of them it is told by
//! [`crate::ids`].

use crate::ids;
use crate::{DecodeError, DecodeErrorKind as Kind, Reader};

const SINGLE_OBJECT: [u8; 2] = [0xc3, 0x01];
const CONFLUENT_GUID: u8 = 0x01;
const GUID_LEN: usize = 17;

/// How many bytes stand before a value in single-object encoding.
pub const LEN: usize = 10;

/// The byte that Confluent's framing begins with.
pub const CONFLUENT_MARKER: u8 = 0x00;

/// How many bytes stand before a value in Confluent's framing.
pub const CONFLUENT_LEN: usize = 5;

/// Appends the frame of a value that is written with the schema of that fingerprint.
#[inline]
pub fn write(out: &mut Vec<u8>, fingerprint: u64) {
    let mut frame = [0; LEN];
    frame[..2].copy_from_slice(&SINGLE_OBJECT);
    frame[2..].copy_from_slice(&fingerprint.to_le_bytes());
    out.extend_from_slice(&frame);
}

/// What stands before a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// Avro's single-object encoding.
    SingleObject {
        /// The fingerprint of the writer's schema.
        fingerprint: u64,
    },
    /// Confluent's framing.
    Confluent {
        /// The id of the writer's schema in its registry.
        id: u32,
    },
}

impl Frame {
    /// The frame that `value` begins with, and the datum behind it. Any bytes may be given.
    ///
    /// # Errors
    /// It begins with no frame; the error says what it looks like.
    #[inline]
    pub fn parse(value: &[u8]) -> Result<(Self, &[u8]), NoFrame> {
        if let Some((fingerprint, datum)) = single_object(value) {
            return Ok((Self::SingleObject { fingerprint }, datum));
        }
        match value {
            [CONFLUENT_MARKER, a, b, c, d, datum @ ..] => {
                let id = u32::from_be_bytes([*a, *b, *c, *d]);
                Ok((Self::Confluent { id }, datum))
            }
            _ => Err(NoFrame::of(value)),
        }
    }

    /// Appends the frame.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::SingleObject { fingerprint } => write(out, fingerprint),
            Self::Confluent { id } => {
                out.push(CONFLUENT_MARKER);
                out.extend_from_slice(&id.to_be_bytes());
            }
        }
    }
}

/// The fingerprint and the datum of a value in single-object encoding.
#[inline]
fn single_object(value: &[u8]) -> Option<(u64, &[u8])> {
    let (fingerprint, datum) = value.strip_prefix(&SINGLE_OBJECT)?.split_first_chunk()?;
    Some((u64::from_le_bytes(*fingerprint), datum))
}

/// What a value is that begins with no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoFrame {
    /// No bytes at all, as in a tombstone.
    #[error("the value is empty")]
    Empty,
    /// A frame begins, and its end is missing.
    #[error("the value ends within its frame, after {0} bytes")]
    Cut(usize),
    /// Confluent's newer framing, with a GUID in place of an id.
    #[error(
        "the value is in Confluent's newer framing (01, GUID {guid}), which is not read: have its writer send schema ids"
    )]
    Guid {
        /// The GUID of the writer's schema.
        guid: uuid::Uuid,
    },
    /// An Avro object container file.
    #[error("the value is an Avro file (it starts with `Obj`), which carries its own schema")]
    Container,
    /// Text that looks like JSON.
    #[error("the value looks like JSON: {0}")]
    Json(String),
    /// Other text.
    #[error("the value looks like text: {0}")]
    Text(String),
    /// Anything else.
    #[error("the value starts with the bytes {0}")]
    Bytes(String),
}

impl NoFrame {
    #[cold]
    fn of(value: &[u8]) -> Self {
        match value {
            [] => Self::Empty,
            [CONFLUENT_GUID, guid @ ..] if value.len() >= GUID_LEN => {
                let guid = uuid::Uuid::from_slice(&guid[..GUID_LEN - 1]).unwrap_or_default();
                Self::Guid { guid }
            }
            [CONFLUENT_MARKER | CONFLUENT_GUID, ..] | [0xc3] | [0xc3, 0x01, ..] => {
                Self::Cut(value.len())
            }
            [b'O', b'b', b'j', 1, ..] => Self::Container,
            _ => Self::text(value).unwrap_or_else(|| Self::Bytes(start_in_hex(value))),
        }
    }

    /// What begins with some readable characters is taken for text.
    fn text(value: &[u8]) -> Option<Self> {
        const SHOWN: usize = 24;
        let start = &value[..value.len().min(SHOWN)];
        let readable = match std::str::from_utf8(start) {
            Ok(text) => text,
            // Cut within a character: what comes before it is whole.
            Err(error) if error.error_len().is_none() && start.len() < value.len() => {
                std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
            }
            Err(_) => return None,
        };
        let is_text = |c: char| !c.is_control() || c.is_ascii_whitespace();
        if !readable.chars().all(is_text) {
            return None;
        }
        let dots = if value.len() > SHOWN { "…" } else { "" };
        let shown = format!("`{}{dots}`", readable.escape_debug());
        Some(match readable.trim_start().bytes().next() {
            Some(b'{' | b'[' | b'"') => Self::Json(shown),
            _ => Self::Text(shown),
        })
    }
}

fn start_in_hex(value: &[u8]) -> String {
    let start: Vec<_> = value.iter().take(4).map(|b| format!("{b:02x}")).collect();
    start.join(" ")
}

impl Reader<'_> {
    /// Reads the frame, and returns the fingerprint of the schema that the value was written with.
    ///
    /// # Errors
    /// The value begins with neither frame; the error says what it looks like. Or with a schema id
    /// that [`crate::ids`] does not know.
    #[inline]
    pub fn frame(&mut self) -> Result<u64, DecodeError> {
        match single_object(self.rest) {
            Some((fingerprint, datum)) => {
                self.rest = datum;
                Ok(fingerprint)
            }
            None => self.other_frame(),
        }
    }

    /// Out of line: where there is no registry, nothing of it is ever run.
    #[inline(never)]
    fn other_frame(&mut self) -> Result<u64, DecodeError> {
        match Frame::parse(self.rest) {
            Ok((Frame::SingleObject { fingerprint }, datum)) => {
                self.rest = datum;
                Ok(fingerprint)
            }
            Ok((Frame::Confluent { id }, datum)) => {
                let known = ids::fingerprint_of(id);
                let fingerprint = known.ok_or_else(|| self.error(Kind::UnknownId { id }))?;
                self.rest = datum;
                Ok(fingerprint)
            }
            Err(none) => Err(self.error(Kind::UnknownFrame(none))),
        }
    }
}

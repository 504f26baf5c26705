//! The binary header `factum` that every record carries (format version 1).
//!
//! | part | event, handled | claim |
//! |---|---|---|
//! | format version, one byte | 1 | 1 |
//! | kind, one byte | 1, 3 | 2 |
//! | flags, one byte: which optional parts follow | yes | no |
//! | epoch | varint | varint |
//! | sequence, version, index, size | varints | no |
//! | time, microseconds since 1970-01-01 UTC | 8 bytes, little-endian, signed | no |
//! | command id | 16 bytes | no |
//! | flag 1: offset of the command's record | varint | no |
//! | flag 2: correlation id, flag 4: causation id | 16 bytes each | no |
//! | flag 8: actor | varint length, then UTF-8 | no |
//! | flag 16: trace id, span id, trace flags | 16 bytes, 8 bytes, 1 byte; big-endian | no |
//! | claimant | no | 16 bytes |
//! | floor, partitions | no | varints |
//!
//! A *handled* record says of a command what an event would, had the command emitted one: its version
//! is the one that the aggregate has and keeps.
//!
//! Varints are unsigned LEB128. Nothing may follow. Golden files pin the layout.

use uuid::Uuid;

use crate::claim::Claim;
use crate::trace::TraceParent;

const FORMAT: u8 = 1;
const EVENT: u8 = 1;
const CLAIM: u8 = 2;
const HANDLED: u8 = 3;

const COMMAND_OFFSET: u8 = 1;
const CORRELATION: u8 = 2;
const CAUSATION: u8 = 4;
const ACTOR: u8 = 8;
const TRACE: u8 = 16;
const FLAGS: u8 = COMMAND_OFFSET | CORRELATION | CAUSATION | ACTOR | TRACE;

/// What the header of a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Header<'a> {
    /// The record is an event.
    Event(EventHeader<'a>),
    /// The record claims the partition.
    Claim(Claim),
    /// The record says that a command was handled which emitted no event: a commit of its own.
    Handled(EventHeader<'a>),
}

/// An event's place in its partition, its aggregate and its commit, and where it came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EventHeader<'a> {
    /// Where the event stands in its partition and commit.
    pub stamp: Stamp,
    /// The event's number within its aggregate, from 1.
    pub version: u64,
    /// When it was decided, in microseconds since 1970-01-01 UTC.
    pub time: i64,
    /// The command that caused it; events of one commit share it.
    pub command: Uuid,
    /// What else is known of its origin.
    pub origin: Origin<'a>,
}

/// An event's place: its partition's epoch and sequence, and its place within its commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The epoch under which it was written.
    pub epoch: u64,
    /// Its number within the partition, from 1.
    pub sequence: u64,
    /// Its index within its commit, from 0.
    pub index: u32,
    /// How many events the commit has, at least 1.
    pub size: u32,
}

/// Optional parts of an event's origin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Origin<'a> {
    /// Offset of the command's own record, where the command came through a topic.
    pub command_offset: Option<u64>,
    /// What belongs together across aggregates and services.
    pub correlation: Option<Uuid>,
    /// The event or command that led to this command.
    pub causation: Option<Uuid>,
    /// Who asked for it.
    pub actor: Option<&'a str>,
    /// The span of the trace that asked for it.
    pub trace: Option<TraceParent>,
}

/// A header that is not of format version 1, or that is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The header has a format version that this build does not know.
    #[error(
        "header format version {0} is newer than this build, which knows version {FORMAT}: upgrade Factum"
    )]
    Format(u8),
    /// A kind or flag that format version 1 does not have.
    #[error("the header has an unknown {0}")]
    Unknown(&'static str),
    /// The header ends too early, goes on too long, or holds an impossible number.
    #[error("the header is damaged at byte {0}")]
    Damaged(usize),
}

impl<'a> Header<'a> {
    /// Reads a header. No input makes this panic or allocate.
    ///
    /// # Errors
    /// The format is newer than this build, or the bytes are not a header.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, HeaderError> {
        let mut input = Input { bytes, at: 0 };
        match input.byte()? {
            FORMAT => {}
            format => return Err(HeaderError::Format(format)),
        }
        let header = match input.byte()? {
            EVENT => Header::Event(event(&mut input)?),
            CLAIM => Header::Claim(claim(&mut input)?),
            HANDLED => Header::Handled(event(&mut input)?),
            _ => return Err(HeaderError::Unknown("kind")),
        };
        if input.at == bytes.len() {
            Ok(header)
        } else {
            Err(HeaderError::Damaged(input.at))
        }
    }

    /// Appends the header's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(FORMAT);
        match self {
            Header::Event(event) => encode_event(EVENT, event, out),
            Header::Claim(claim) => encode_claim(claim, out),
            Header::Handled(event) => encode_event(HANDLED, event, out),
        }
    }
}

fn encode_event(kind: u8, event: &EventHeader<'_>, out: &mut Vec<u8>) {
    let EventHeader { stamp, origin, .. } = event;
    let flag = |present: bool, flag: u8| if present { flag } else { 0 };
    out.push(kind);
    out.push(
        flag(origin.command_offset.is_some(), COMMAND_OFFSET)
            | flag(origin.correlation.is_some(), CORRELATION)
            | flag(origin.causation.is_some(), CAUSATION)
            | flag(origin.actor.is_some(), ACTOR)
            | flag(origin.trace.is_some(), TRACE),
    );
    for number in [
        stamp.epoch,
        stamp.sequence,
        event.version,
        stamp.index.into(),
        stamp.size.into(),
    ] {
        varint(out, number);
    }
    out.extend_from_slice(&event.time.to_le_bytes());
    out.extend_from_slice(event.command.as_bytes());
    if let Some(offset) = origin.command_offset {
        varint(out, offset);
    }
    for id in [origin.correlation, origin.causation].into_iter().flatten() {
        out.extend_from_slice(id.as_bytes());
    }
    if let Some(actor) = origin.actor {
        varint(out, actor.len() as u64);
        out.extend_from_slice(actor.as_bytes());
    }
    if let Some(TraceParent { trace, span, flags }) = origin.trace {
        out.extend_from_slice(&trace.to_be_bytes());
        out.extend_from_slice(&span.to_be_bytes());
        out.push(flags);
    }
}

fn event<'a>(input: &mut Input<'a>) -> Result<EventHeader<'a>, HeaderError> {
    let flags = input.byte()?;
    if flags & !FLAGS != 0 {
        return Err(HeaderError::Unknown("flag"));
    }
    let (epoch, sequence, version) = (input.varint()?, input.varint()?, input.varint()?);
    let (index, size) = (input.small()?, input.small()?);
    if index >= size {
        return Err(HeaderError::Damaged(input.at));
    }
    Ok(EventHeader {
        stamp: Stamp {
            epoch,
            sequence,
            index,
            size,
        },
        version,
        time: i64::from_le_bytes(input.take()?),
        command: Uuid::from_bytes(input.take()?),
        origin: Origin {
            command_offset: input.optional(flags & COMMAND_OFFSET, Input::varint)?,
            correlation: input.optional(flags & CORRELATION, Input::id)?,
            causation: input.optional(flags & CAUSATION, Input::id)?,
            actor: input.optional(flags & ACTOR, Input::text)?,
            trace: input.optional(flags & TRACE, Input::trace)?,
        },
    })
}

fn encode_claim(claim: &Claim, out: &mut Vec<u8>) {
    out.push(CLAIM);
    varint(out, claim.epoch);
    out.extend_from_slice(claim.claimant.as_bytes());
    varint(out, claim.floor);
    varint(out, claim.partitions.into());
}

fn claim(input: &mut Input<'_>) -> Result<Claim, HeaderError> {
    Ok(Claim {
        epoch: input.varint()?,
        claimant: input.id()?,
        floor: input.varint()?,
        partitions: input.small()?,
    })
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, HeaderError> {
        let byte = *self
            .bytes
            .get(self.at)
            .ok_or(HeaderError::Damaged(self.at))?;
        self.at += 1;
        Ok(byte)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], HeaderError> {
        let rest = &self.bytes[self.at..];
        let taken = *rest.first_chunk().ok_or(HeaderError::Damaged(self.at))?;
        self.at += N;
        Ok(taken)
    }

    fn id(&mut self) -> Result<Uuid, HeaderError> {
        self.take().map(Uuid::from_bytes)
    }

    fn varint(&mut self) -> Result<u64, HeaderError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(HeaderError::Damaged(self.at))
    }

    fn small(&mut self) -> Result<u32, HeaderError> {
        self.varint()?
            .try_into()
            .map_err(|_| HeaderError::Damaged(self.at))
    }

    fn text(&mut self) -> Result<&'a str, HeaderError> {
        let damaged = HeaderError::Damaged(self.at);
        let len = usize::try_from(self.varint()?).map_err(|_| damaged)?;
        let rest = &self.bytes[self.at..];
        let text = rest.get(..len).ok_or(damaged)?;
        self.at += len;
        std::str::from_utf8(text).map_err(|_| damaged)
    }

    fn trace(&mut self) -> Result<TraceParent, HeaderError> {
        Ok(TraceParent {
            trace: u128::from_be_bytes(self.take()?),
            span: u64::from_be_bytes(self.take()?),
            flags: self.byte()?,
        })
    }

    fn optional<T>(
        &mut self,
        flag: u8,
        read: fn(&mut Self) -> Result<T, HeaderError>,
    ) -> Result<Option<T>, HeaderError> {
        if flag == 0 {
            Ok(None)
        } else {
            read(self).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(header: &Header<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        header.encode(&mut out);
        out
    }

    const TRACE_PARENT: TraceParent = TraceParent {
        trace: 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c,
        span: 0xb7ad_6b71_6920_3331,
        flags: 1,
    };

    fn full() -> EventHeader<'static> {
        EventHeader {
            stamp: Stamp {
                epoch: 3,
                sequence: 300,
                index: 1,
                size: 2,
            },
            version: 70_000,
            time: 1_317_422_324_546_000,
            command: Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10),
            origin: Origin {
                command_offset: Some(128),
                correlation: Some(Uuid::from_u128(1)),
                causation: Some(Uuid::from_u128(2)),
                actor: Some("Zoë"),
                trace: Some(TRACE_PARENT),
            },
        }
    }

    #[test]
    fn the_layout_is_the_golden_one() {
        let plain = Header::Event(EventHeader {
            stamp: Stamp {
                epoch: 1,
                sequence: 2,
                index: 0,
                size: 1,
            },
            version: 3,
            time: -1,
            command: Uuid::from_u128(4),
            origin: Origin::default(),
        });
        let claim = Header::Claim(Claim {
            epoch: 1,
            claimant: Uuid::from_u128(5),
            floor: 200,
            partitions: 8,
        });
        let golden = include_str!("../tests/golden/headers.hex");
        let lines: Vec<_> = golden
            .lines()
            .filter(|line| !line.starts_with('#'))
            .collect();
        assert_eq!(
            lines,
            [plain, Header::Event(full()), claim, Header::Handled(full())]
                .map(|header| hex(&encoded(&header)))
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn what_is_not_a_header_is_refused() {
        assert_eq!(Header::decode(&[]), Err(HeaderError::Damaged(0)));
        assert_eq!(Header::decode(&[2]), Err(HeaderError::Format(2)));
        assert_eq!(Header::decode(&[1, 9]), Err(HeaderError::Unknown("kind")));
        assert_eq!(
            Header::decode(&[1, 1, 32]),
            Err(HeaderError::Unknown("flag"))
        );
        let whole = encoded(&Header::Event(full()));
        for len in 0..whole.len() {
            assert!(Header::decode(&whole[..len]).is_err(), "cut to {len} bytes");
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert_eq!(
            Header::decode(&longer),
            Err(HeaderError::Damaged(whole.len()))
        );
    }

    proptest! {
        #[test]
        fn every_event_header_comes_back(
            epoch: u64, sequence: u64, version: u64, index in 0u32..9, more in 1u32..9, time: i64,
            command: u128, command_offset: Option<u64>, correlation: Option<u128>,
            causation: Option<u128>, actor: Option<String>, traced: bool, handled: bool,
        ) {
            let header = EventHeader {
                stamp: Stamp { epoch, sequence, index, size: index + more },
                version, time,
                command: Uuid::from_u128(command),
                origin: Origin {
                    command_offset,
                    correlation: correlation.map(Uuid::from_u128),
                    causation: causation.map(Uuid::from_u128),
                    actor: actor.as_deref(),
                    trace: traced.then_some(TRACE_PARENT),
                },
            };
            let header = if handled { Header::Handled(header) } else { Header::Event(header) };
            let bytes = encoded(&header);
            prop_assert_eq!(Header::decode(&bytes), Ok(header));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Header::decode(&bytes);
            let _ = Header::decode(&[&[FORMAT, EVENT], bytes.as_slice()].concat());
            let _ = Header::decode(&[&[FORMAT, CLAIM], bytes.as_slice()].concat());
        }
    }
}

//! The header `factum`, format 1, read by its description.

use uuid::Uuid;

/// What a header says, as far as the checker asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    Event(EventHeader),
    /// A command that emitted nothing; it says of the command what an event would.
    Handled(EventHeader),
    Claim(ClaimHeader),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventHeader {
    pub epoch: u64,
    pub sequence: u64,
    pub version: u64,
    pub index: u64,
    pub size: u64,
    pub command: Uuid,
    /// The offset of the command's own record, where it came through the topic.
    pub offset: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimHeader {
    pub epoch: u64,
    pub claimant: Uuid,
    pub floor: u64,
    pub partitions: u64,
}

/// Reads a header; `None` if it is not one of format 1.
pub(crate) fn parse(bytes: &[u8]) -> Option<Header> {
    let mut rest = bytes;
    let header = match (byte(&mut rest)?, byte(&mut rest)?) {
        (1, 1) => Header::Event(event(&mut rest)?),
        (1, 3) => Header::Handled(event(&mut rest)?),
        (1, 2) => Header::Claim(ClaimHeader {
            epoch: number(&mut rest)?,
            claimant: uuid(&mut rest)?,
            floor: number(&mut rest)?,
            partitions: number(&mut rest)?,
        }),
        _ => return None,
    };
    rest.is_empty().then_some(header)
}

fn event(rest: &mut &[u8]) -> Option<EventHeader> {
    let flags = byte(rest)?;
    let (epoch, sequence, version) = (number(rest)?, number(rest)?, number(rest)?);
    let (index, size) = (number(rest)?, number(rest)?);
    take(rest, 8)?; // the time
    let command = uuid(rest)?;
    let offset = match flags & 1 {
        0 => None,
        _ => Some(number(rest)?),
    };
    for id in [2, 4] {
        if flags & id != 0 {
            take(rest, 16)?;
        }
    }
    if flags & 8 != 0 {
        let length = number(rest)?;
        take(rest, usize::try_from(length).ok()?)?;
    }
    if flags & 16 != 0 {
        take(rest, 25)?; // the trace, the span in it, and its flags
    }
    (flags < 32 && index < size).then_some(EventHeader {
        epoch,
        sequence,
        version,
        index,
        size,
        command,
        offset,
    })
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn byte(rest: &mut &[u8]) -> Option<u8> {
    take(rest, 1).map(|bytes| bytes[0])
}

fn uuid(rest: &mut &[u8]) -> Option<Uuid> {
    Uuid::from_slice(take(rest, 16)?).ok()
}

/// An unsigned LEB128 number.
pub(super) fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u128;
    for place in 0..10 {
        let byte = byte(rest)?;
        number |= u128::from(byte & 127) << (7 * place);
        if byte < 128 {
            return number.try_into().ok();
        }
    }
    None
}

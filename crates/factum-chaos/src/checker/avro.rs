//! The values of the account's events, and of what stands for a command without events: Avro
//! single-object encoding, read by hand.

use super::header::number;

/// CRC-64-AVRO of `chaos.account.Deposited` version 1, and of `Withdrawn`; little-endian on the wire.
const DEPOSITED: u64 = 0x8297_8d0b_9189_0d1e;
const WITHDRAWN: u64 = 0x0f46_d862_4973_1ebb;
/// That of `factum.Handled`.
const HANDLED: u64 = 0x1e89_fa03_ae4e_aff2;

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The client's own name for the command.
    pub order: String,
    /// What it changes: negative for a withdrawal.
    pub change: i64,
    /// What the account holds after it, as the decision saw it.
    pub balance: i64,
}

/// Reads an event's value; `None` if it is not one.
pub(crate) fn parse(value: &[u8]) -> Option<Event> {
    let (schema, mut rest) = unframe(value)?;
    let sign = match schema {
        DEPOSITED => 1,
        WITHDRAWN => -1,
        _ => return None,
    };
    let event = Event {
        order: string(&mut rest)?.to_owned(),
        change: sign * long(&mut rest)?,
        balance: long(&mut rest)?,
    };
    rest.is_empty().then_some(event)
}

/// Reads the value of what stands for a command without events, JSON; `None` if it is not one.
pub(crate) fn parse_handled(value: &[u8]) -> Option<&str> {
    let (schema, mut rest) = unframe(value)?;
    let outcome = string(&mut rest)?;
    (schema == HANDLED && rest.is_empty()).then_some(outcome)
}

/// The schema's fingerprint, and what follows.
fn unframe(value: &[u8]) -> Option<(u64, &[u8])> {
    let (frame, rest) = value.split_at_checked(10)?;
    let schema = u64::from_le_bytes(frame[2..].try_into().ok()?);
    (frame[..2] == [0xc3, 1]).then_some((schema, rest))
}

fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(long(rest)?).ok()?;
    let (text, left) = rest.split_at_checked(length)?;
    *rest = left;
    std::str::from_utf8(text).ok()
}

/// A zigzag number.
fn long(rest: &mut &[u8]) -> Option<i64> {
    let number = number(rest)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

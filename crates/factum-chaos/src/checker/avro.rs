//! The values of the account's events: Avro single-object encoding, read by hand.

use super::header::number;

/// CRC-64-AVRO of `chaos.account.Deposited` version 1, and of `Withdrawn`; little-endian on the wire.
const DEPOSITED: u64 = 0x8297_8d0b_9189_0d1e;
const WITHDRAWN: u64 = 0x0f46_d862_4973_1ebb;

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
    let (frame, mut rest) = value.split_at_checked(10)?;
    let sign = match u64::from_le_bytes(frame[2..].try_into().ok()?) {
        DEPOSITED => 1,
        WITHDRAWN => -1,
        _ => return None,
    };
    let length = usize::try_from(long(&mut rest)?).ok()?;
    let (order, mut rest) = rest.split_at_checked(length)?;
    let event = Event {
        order: String::from_utf8(order.to_vec()).ok()?,
        change: sign * long(&mut rest)?,
        balance: long(&mut rest)?,
    };
    (frame[..2] == [0xc3, 1] && rest.is_empty()).then_some(event)
}

/// A zigzag number.
fn long(rest: &mut &[u8]) -> Option<i64> {
    let number = number(rest)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

//! What one would write for these events, and no others: the floor.

pub mod borrowed;

use factum_build_tests::speed::{
    Address, Card, Line, Moved, Ordered, OrderedPayment, Paid, Status, Transfer, Voucher,
};
use jiff::Timestamp;
use uuid::Uuid;

const MARKER: [u8; 2] = [0xc3, 0x01];

fn frame(fingerprint: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&fingerprint.to_le_bytes());
}

pub fn encode_moved(event: &Moved, out: &mut Vec<u8>) {
    frame(Moved::FINGERPRINT_1, out);
    uuid(event.id, out);
    long(event.amount, out);
    string(&event.purpose, out);
    long(event.at.as_microsecond(), out);
}

pub fn encode_paid_1(event: &Paid, out: &mut Vec<u8>) {
    frame(Paid::FINGERPRINT_1, out);
    uuid(event.id, out);
    long(event.amount, out);
    string(&event.purpose, out);
    long(event.at.as_microsecond(), out);
}

pub fn encode_ordered(event: &Ordered, out: &mut Vec<u8>) {
    frame(Ordered::FINGERPRINT_2, out);
    head(event, event.status as i64, out);
    out.extend_from_slice(&event.discount.to_le_bytes());
    middle(event, out);
    match &event.payment {
        OrderedPayment::Transfer(transfer) => {
            out.push(0);
            string(&transfer.iban, out);
        }
        OrderedPayment::Card(card) => {
            out.push(2);
            string(&card.number, out);
            long(i64::from(card.month), out);
        }
        OrderedPayment::Voucher(voucher) => {
            out.push(4);
            string(&voucher.code, out);
            long(voucher.worth, out);
        }
    }
    attributes(event, out);
    tail(event, out);
}

/// As version 1 would have been written; `campaign` is gone since.
pub fn encode_ordered_1(event: &Ordered, out: &mut Vec<u8>) {
    frame(Ordered::FINGERPRINT_1, out);
    let status = match event.status {
        Status::New => 0,
        Status::Paid | Status::Packed => 1,
        Status::Sent => 2,
    };
    head(event, status, out);
    out.extend_from_slice(&(event.discount as f32).to_le_bytes());
    middle(event, out);
    match &event.payment {
        OrderedPayment::Card(card) => {
            out.push(0);
            string(&card.number, out);
            long(i64::from(card.month), out);
        }
        OrderedPayment::Transfer(transfer) => {
            out.push(2);
            string(&transfer.iban, out);
        }
        OrderedPayment::Voucher(voucher) => {
            out.push(4);
            string(&voucher.code, out);
            long(voucher.worth, out);
        }
    }
    attributes(event, out);
    string("spring sale", out);
    tail(event, out);
}

fn head(event: &Ordered, status: i64, out: &mut Vec<u8>) {
    uuid(event.order, out);
    uuid(event.customer, out);
    long(status, out);
    string(&event.currency, out);
    long(event.number, out);
    long(event.total, out);
}

fn middle(event: &Ordered, out: &mut Vec<u8>) {
    if !event.lines.is_empty() {
        long(event.lines.len() as i64, out);
        for line in &event.lines {
            string(&line.sku, out);
            long(line.quantity, out);
            long(line.price, out);
            if !line.tags.is_empty() {
                long(line.tags.len() as i64, out);
                line.tags.iter().for_each(|tag| string(tag, out));
            }
            out.push(0);
        }
    }
    out.push(0);
    address(&event.shipping, out);
    match &event.billing {
        None => out.push(0),
        Some(billing) => {
            out.push(2);
            address(billing, out);
        }
    }
}

fn attributes(event: &Ordered, out: &mut Vec<u8>) {
    if !event.attributes.is_empty() {
        long(event.attributes.len() as i64, out);
        for (key, value) in &event.attributes {
            string(key, out);
            string(value, out);
        }
    }
    out.push(0);
}

fn tail(event: &Ordered, out: &mut Vec<u8>) {
    match &event.note {
        None => out.push(0),
        Some(note) => {
            out.push(2);
            string(note, out);
        }
    }
    long(event.at.as_microsecond(), out);
    out.push(u8::from(event.gift));
}

fn address(address: &Address, out: &mut Vec<u8>) {
    string(&address.street, out);
    string(&address.city, out);
    string(&address.zip, out);
}

fn uuid(id: Uuid, out: &mut Vec<u8>) {
    out.push(72);
    let at = out.len();
    out.resize(at + 36, 0);
    id.hyphenated().encode_lower(&mut out[at..]);
}

fn string(text: &str, out: &mut Vec<u8>) {
    long(text.len() as i64, out);
    out.extend_from_slice(text.as_bytes());
}

fn long(value: i64, out: &mut Vec<u8>) {
    let mut zigzag = ((value << 1) ^ (value >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

/// The bytes behind the frame.
fn unframe(value: &[u8], fingerprint: u64) -> Option<&[u8]> {
    let (found, rest) = value.strip_prefix(&MARKER)?.split_first_chunk()?;
    (u64::from_le_bytes(*found) == fingerprint).then_some(rest)
}

pub fn decode_moved(value: &[u8]) -> Option<Moved> {
    let rest = &mut unframe(value, Moved::FINGERPRINT_1)?;
    Some(Moved {
        id: read_uuid(rest)?,
        amount: read_long(rest)?,
        purpose: read_string(rest)?,
        at: Timestamp::from_microsecond(read_long(rest)?).ok()?,
    })
}

pub fn decode_paid_1(value: &[u8]) -> Option<Paid> {
    let rest = &mut unframe(value, Paid::FINGERPRINT_1)?;
    Some(Paid {
        id: read_uuid(rest)?,
        amount: i64::from(i32::try_from(read_long(rest)?).ok()?),
        purpose: read_string(rest)?,
        at: Timestamp::from_microsecond(read_long(rest)?).ok()?,
        payer: None,
    })
}

pub fn decode_ordered(value: &[u8]) -> Option<Ordered> {
    let rest = &mut unframe(value, Ordered::FINGERPRINT_2)?;
    Some(Ordered {
        order: read_uuid(rest)?,
        customer: read_uuid(rest)?,
        status: match read_long(rest)? {
            0 => Status::New,
            1 => Status::Paid,
            2 => Status::Packed,
            3 => Status::Sent,
            _ => return None,
        },
        currency: read_string(rest)?,
        number: read_long(rest)?,
        total: read_long(rest)?,
        discount: f64::from_le_bytes(*chunk(rest)?),
        lines: read_array(rest, |rest| {
            Some(Line {
                sku: read_string(rest)?,
                quantity: read_long(rest)?,
                price: read_long(rest)?,
                tags: read_array(rest, read_string)?,
            })
        })?,
        shipping: read_address(rest)?,
        billing: read_billing(rest)?,
        payment: match read_long(rest)? {
            0 => OrderedPayment::Transfer(read_transfer(rest)?),
            1 => OrderedPayment::Card(read_card(rest)?),
            2 => OrderedPayment::Voucher(read_voucher(rest)?),
            _ => return None,
        },
        attributes: read_attributes(rest)?,
        note: read_note(rest)?,
        at: Timestamp::from_microsecond(read_long(rest)?).ok()?,
        gift: read_bool(rest)?,
    })
}

pub fn decode_ordered_1(value: &[u8]) -> Option<Ordered> {
    let rest = &mut unframe(value, Ordered::FINGERPRINT_1)?;
    Some(Ordered {
        order: read_uuid(rest)?,
        customer: read_uuid(rest)?,
        status: match read_long(rest)? {
            0 => Status::New,
            1 => Status::Paid,
            2 => Status::Sent,
            _ => return None,
        },
        currency: read_string(rest)?,
        number: i64::from(i32::try_from(read_long(rest)?).ok()?),
        total: read_long(rest)?,
        discount: f64::from(f32::from_le_bytes(*chunk(rest)?)),
        lines: read_array(rest, |rest| {
            Some(Line {
                sku: read_string(rest)?,
                quantity: i64::from(i32::try_from(read_long(rest)?).ok()?),
                price: read_long(rest)?,
                tags: read_array(rest, read_string)?,
            })
        })?,
        shipping: read_address(rest)?,
        billing: read_billing(rest)?,
        payment: match read_long(rest)? {
            0 => OrderedPayment::Card(read_card(rest)?),
            1 => OrderedPayment::Transfer(read_transfer(rest)?),
            2 => OrderedPayment::Voucher(read_voucher(rest)?),
            _ => return None,
        },
        attributes: read_attributes(rest)?,
        note: {
            bytes(rest)?; // the campaign
            read_note(rest)?
        },
        at: Timestamp::from_microsecond(read_long(rest)?).ok()?,
        gift: read_bool(rest)?,
    })
}

fn read_address(rest: &mut &[u8]) -> Option<Address> {
    Some(Address {
        street: read_string(rest)?,
        city: read_string(rest)?,
        zip: read_string(rest)?,
    })
}

fn read_billing(rest: &mut &[u8]) -> Option<Option<Address>> {
    match read_long(rest)? {
        0 => Some(None),
        1 => read_address(rest).map(Some),
        _ => None,
    }
}

fn read_transfer(rest: &mut &[u8]) -> Option<Transfer> {
    let iban = read_string(rest)?;
    Some(Transfer { iban })
}

fn read_card(rest: &mut &[u8]) -> Option<Card> {
    Some(Card {
        number: read_string(rest)?,
        month: i32::try_from(read_long(rest)?).ok()?,
    })
}

fn read_voucher(rest: &mut &[u8]) -> Option<Voucher> {
    Some(Voucher {
        code: read_string(rest)?,
        worth: read_long(rest)?,
    })
}

fn read_attributes(rest: &mut &[u8]) -> Option<std::collections::BTreeMap<String, String>> {
    let entries = read_array(rest, |rest| Some((read_string(rest)?, read_string(rest)?)))?;
    Some(entries.into_iter().collect())
}

fn read_note(rest: &mut &[u8]) -> Option<Option<String>> {
    match read_long(rest)? {
        0 => Some(None),
        1 => read_string(rest).map(Some),
        _ => None,
    }
}

fn read_bool(rest: &mut &[u8]) -> Option<bool> {
    let [byte] = *chunk(rest)?;
    (byte < 2).then_some(byte == 1)
}

fn read_array<'a, T>(
    rest: &mut &'a [u8],
    item: impl Fn(&mut &'a [u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let mut items = Vec::new();
    loop {
        let mut count = read_long(rest)?;
        if count == 0 {
            return Some(items);
        }
        if count < 0 {
            read_long(rest)?;
            count = count.checked_neg()?;
        }
        let count = usize::try_from(count)
            .ok()
            .filter(|count| *count <= rest.len())?;
        items.reserve(count);
        for _ in 0..count {
            items.push(item(rest)?);
        }
    }
}

fn read_uuid(rest: &mut &[u8]) -> Option<Uuid> {
    Uuid::try_parse_ascii(bytes(rest)?).ok()
}

fn read_string(rest: &mut &[u8]) -> Option<String> {
    Some(std::str::from_utf8(bytes(rest)?).ok()?.to_owned())
}

fn chunk<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(chunk)
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(read_long(rest)?).ok()?;
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(bytes)
}

fn read_long(rest: &mut &[u8]) -> Option<i64> {
    let mut zigzag = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        zigzag |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64));
        }
    }
    None
}

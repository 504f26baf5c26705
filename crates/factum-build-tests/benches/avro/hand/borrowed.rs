//! The same, without copying text: what is read points into the value.

use std::collections::BTreeMap;

use factum_build_tests::speed::{
    AddressRef, CardRef, LineRef, Moved, MovedRef, Ordered, OrderedPaymentRef, OrderedRef, Paid,
    PaidRef, SpeedEventRef, Status, TransferRef, VoucherRef,
};
use jiff::Timestamp;

use super::{bytes, chunk, read_array, read_bool, read_long, read_uuid, unframe};

pub fn decode_moved(value: &[u8]) -> Option<SpeedEventRef<'_>> {
    let rest = &mut unframe(value, Moved::FINGERPRINT_1)?;
    Some(SpeedEventRef::Moved(MovedRef {
        id: read_uuid(rest)?,
        amount: read_long(rest)?,
        purpose: read_str(rest)?,
        at: Timestamp::from_microsecond(read_long(rest)?).ok()?,
    }))
}

pub fn decode_paid_1(value: &[u8]) -> Option<SpeedEventRef<'_>> {
    let rest = &mut unframe(value, Paid::FINGERPRINT_1)?;
    Some(SpeedEventRef::Paid(PaidRef {
        id: read_uuid(rest)?,
        amount: i64::from(i32::try_from(read_long(rest)?).ok()?),
        purpose: read_str(rest)?,
        at: Timestamp::from_microsecond(read_long(rest)?).ok()?,
        payer: None,
    }))
}

pub fn decode_ordered(value: &[u8]) -> Option<SpeedEventRef<'_>> {
    let rest = &mut unframe(value, Ordered::FINGERPRINT_2)?;
    Some(SpeedEventRef::Ordered(OrderedRef {
        order: read_uuid(rest)?,
        customer: read_uuid(rest)?,
        status: match read_long(rest)? {
            0 => Status::New,
            1 => Status::Paid,
            2 => Status::Packed,
            3 => Status::Sent,
            _ => return None,
        },
        currency: read_str(rest)?,
        number: read_long(rest)?,
        total: read_long(rest)?,
        discount: f64::from_le_bytes(*chunk(rest)?),
        lines: read_array(rest, |rest| {
            Some(LineRef {
                sku: read_str(rest)?,
                quantity: read_long(rest)?,
                price: read_long(rest)?,
                tags: read_array(rest, read_str)?,
            })
        })?,
        shipping: read_address(rest)?,
        billing: match read_long(rest)? {
            0 => None,
            1 => Some(read_address(rest)?),
            _ => return None,
        },
        payment: read_payment(rest)?,
        attributes: read_attributes(rest)?,
        note: match read_long(rest)? {
            0 => None,
            1 => Some(read_str(rest)?),
            _ => return None,
        },
        at: Timestamp::from_microsecond(read_long(rest)?).ok()?,
        gift: read_bool(rest)?,
    }))
}

fn read_address<'a>(rest: &mut &'a [u8]) -> Option<AddressRef<'a>> {
    Some(AddressRef {
        street: read_str(rest)?,
        city: read_str(rest)?,
        zip: read_str(rest)?,
    })
}

fn read_payment<'a>(rest: &mut &'a [u8]) -> Option<OrderedPaymentRef<'a>> {
    Some(match read_long(rest)? {
        0 => OrderedPaymentRef::Transfer(TransferRef {
            iban: read_str(rest)?,
        }),
        1 => OrderedPaymentRef::Card(CardRef {
            number: read_str(rest)?,
            month: i32::try_from(read_long(rest)?).ok()?,
        }),
        2 => OrderedPaymentRef::Voucher(VoucherRef {
            code: read_str(rest)?,
            worth: read_long(rest)?,
        }),
        _ => return None,
    })
}

fn read_attributes<'a>(rest: &mut &'a [u8]) -> Option<BTreeMap<&'a str, &'a str>> {
    let entries = read_array(rest, |rest| Some((read_str(rest)?, read_str(rest)?)))?;
    Some(entries.into_iter().collect())
}

fn read_str<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(bytes(rest)?).ok()
}

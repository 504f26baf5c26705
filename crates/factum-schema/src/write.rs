//! Puts values together; generated code calls this field by field.
//!
//! Every function appends to `out` and cannot fail.

use std::collections::BTreeMap;

use crate::varint;

pub use crate::decimal::{big_decimal, decimal, decimal_fixed};
pub use crate::duration::duration;
pub use crate::logical::{
    date, local_timestamp_micros, local_timestamp_millis, local_timestamp_nanos, time_micros,
    time_millis, timestamp_micros, timestamp_millis, timestamp_nanos, uuid, uuid_fixed,
};

/// Appends a boolean.
#[inline]
pub fn boolean(out: &mut Vec<u8>, value: bool) {
    out.push(u8::from(value));
}

/// Appends an int.
#[inline]
pub fn int(out: &mut Vec<u8>, value: i32) {
    long(out, i64::from(value));
}

/// Appends a long.
#[inline]
pub fn long(out: &mut Vec<u8>, value: i64) {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    if zigzag < 0x80 {
        out.push(zigzag as u8);
    } else {
        varint(out, zigzag);
    }
}

#[inline]
fn varint(out: &mut Vec<u8>, value: u64) {
    match varint::spread(value) {
        Some((bytes, len)) => {
            // A copy of a length that is known costs less than one of just the bytes that are wanted.
            let end = out.len() + len;
            out.extend_from_slice(&bytes);
            out.truncate(end);
        }
        None => long_varint(out, value),
    }
}

/// A number of nine or ten bytes.
#[cold]
fn long_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a float.
#[inline]
pub fn float(out: &mut Vec<u8>, value: f32) {
    fixed(out, &value.to_le_bytes());
}

/// Appends a double.
#[inline]
pub fn double(out: &mut Vec<u8>, value: f64) {
    fixed(out, &value.to_le_bytes());
}

/// Appends bytes, behind their length.
#[inline]
pub fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    length(out, value.len());
    out.extend_from_slice(value);
}

/// Appends a string, behind its length.
#[inline]
pub fn string(out: &mut Vec<u8>, value: &str) {
    bytes(out, value.as_bytes());
}

/// Appends bytes as they are.
#[inline]
pub fn fixed(out: &mut Vec<u8>, value: &[u8]) {
    out.extend_from_slice(value);
}

/// Appends the index of an enum's symbol or a union's branch.
#[inline]
pub fn index(out: &mut Vec<u8>, index: u32) {
    long(out, i64::from(index));
}

/// Appends a union of null, which is the branch `null` (0 or 1), and one other type.
#[inline]
pub fn nullable<T>(
    out: &mut Vec<u8>,
    null: u32,
    value: Option<&T>,
    write: impl FnOnce(&mut Vec<u8>, &T),
) {
    match value {
        None => index(out, null),
        Some(value) => {
            index(out, 1 - null);
            write(out, value);
        }
    }
}

/// Appends an array, as one block.
#[inline]
pub fn array<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    if !items.is_empty() {
        length(out, items.len());
        for item in items {
            write(out, item);
        }
    }
    out.push(0);
}

/// Appends a map, as one block in the order of its keys.
#[inline]
pub fn map<T>(
    out: &mut Vec<u8>,
    entries: &BTreeMap<String, T>,
    mut write: impl FnMut(&mut Vec<u8>, &T),
) {
    if !entries.is_empty() {
        length(out, entries.len());
        for (key, value) in entries {
            string(out, key);
            write(out, value);
        }
    }
    out.push(0);
}

/// Most are short: what the others take stands out of line, so that this is short enough to stand in line.
#[inline]
fn length(out: &mut Vec<u8>, value: usize) {
    if value < 0x40 {
        out.push((value as u8) << 1);
    } else {
        long_length(out, value);
    }
}

/// No buffer is longer than `isize::MAX`, so its length is a long.
#[inline(never)]
fn long_length(out: &mut Vec<u8>, value: usize) {
    long(out, value as i64);
}

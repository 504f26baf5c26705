//! The logical type `big-decimal`: exact numbers of any size.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DecimalError, fewest_bytes, i128_from_be};
use crate::{DecodeError, DecodeErrorKind as Kind, Reader, write};

/// A number of any size with a scale of its own: Avro's `big-decimal`.
///
/// It holds numbers, and does not reckon with them. As in Java, 1.0 and 1.00 differ.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BigDecimal {
    /// Two's complement, big-endian; the fewest bytes, at least one.
    unscaled: Vec<u8>,
    scale: i32,
}

impl BigDecimal {
    /// The number `unscaled` / 10^`scale`.
    pub fn new(unscaled: i128, scale: i32) -> Self {
        Self {
            unscaled: fewest_bytes(&unscaled.to_be_bytes()).to_vec(),
            scale,
        }
    }

    /// The number whose unscaled part is given in two's complement, big-endian; `None` for no bytes.
    pub fn from_be_bytes(unscaled: &[u8], scale: i32) -> Option<Self> {
        let unscaled = fewest_bytes(unscaled).to_vec();
        (!unscaled.is_empty()).then_some(Self { unscaled, scale })
    }

    /// The number times 10^[scale](Self::scale); `None` if that exceeds 128 bits.
    pub fn unscaled(&self) -> Option<i128> {
        i128_from_be(&self.unscaled)
    }

    /// The number times 10^[scale](Self::scale) in two's complement, big-endian.
    pub fn unscaled_be_bytes(&self) -> &[u8] {
        &self.unscaled
    }

    /// How many digits stand behind the point; below 0, how many zeros follow the unscaled number.
    pub fn scale(&self) -> i32 {
        self.scale
    }

    fn is_negative(&self) -> bool {
        self.unscaled[0] >= 0x80
    }

    /// The decimal digits without sign. The time grows with the square of the size.
    fn digits(&self) -> String {
        let mut number = self.unscaled.clone();
        if self.is_negative() {
            negate(&mut number);
        }
        let mut digits = Vec::new();
        while number.iter().any(|byte| *byte != 0) {
            let mut rest = 0;
            for byte in &mut number {
                let dividend = rest << 8 | u32::from(*byte);
                (*byte, rest) = ((dividend / 10) as u8, dividend % 10);
            }
            digits.push(char::from(b'0' + rest as u8));
        }
        if digits.is_empty() {
            digits.push('0');
        }
        digits.into_iter().rev().collect()
    }
}

/// Two's complement of big-endian bytes.
fn negate(number: &mut [u8]) {
    let mut carry = true;
    for byte in number.iter_mut().rev() {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
}

impl fmt::Display for BigDecimal {
    /// Plain digits, or with an exponent where they would be lost among zeros: `1e400`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.digits();
        let text = match usize::try_from(self.scale) {
            Ok(0) => digits,
            Ok(scale) if scale < digits.len() + 20 => {
                let digits = format!("{digits:0>width$}", width = scale + 1);
                let (whole, rest) = digits.split_at(digits.len() - scale);
                format!("{whole}.{rest}")
            }
            _ => format!("{digits}e{}", -i64::from(self.scale)),
        };
        f.pad_integral(!self.is_negative(), "", &text)
    }
}

impl FromStr for BigDecimal {
    type Err = DecimalError;

    /// Reads what `Display` shows. The time grows with the square of the length.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, number) = match text.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, text),
        };
        let (number, exponent) = number.split_once('e').unwrap_or((number, "0"));
        let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
        let exponent: i64 = exponent.parse().map_err(|_| DecimalError::Text)?;
        let scale = (rest.len() as i64).checked_sub(exponent);
        let scale = scale.and_then(|scale| i32::try_from(scale).ok());
        let mut unscaled = vec![0_u8];
        if whole.len() + rest.len() == 0 {
            return Err(DecimalError::Text);
        }
        for digit in whole.bytes().chain(rest.bytes()) {
            let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'));
            append(&mut unscaled, digit.ok_or(DecimalError::Text)?);
        }
        if negative {
            negate(&mut unscaled);
        }
        Self::from_be_bytes(&unscaled, scale.ok_or(DecimalError::Text)?).ok_or(DecimalError::Text)
    }
}

/// Times ten, plus `digit`; the first bit stays free for the sign.
fn append(number: &mut Vec<u8>, digit: u32) {
    let mut carry = digit;
    for byte in number.iter_mut().rev() {
        let product = u32::from(*byte) * 10 + carry;
        (*byte, carry) = (product as u8, product >> 8);
    }
    if carry > 0 || number[0] >= 0x80 {
        number.insert(0, carry as u8);
    }
}

impl Serialize for BigDecimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BigDecimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Reader<'_> {
    /// Reads a `big-decimal` from bytes: the unscaled number as bytes, and the scale as an int.
    ///
    /// # Errors
    /// As [`Reader::slice`], or the bytes are not those two.
    pub fn big_decimal(&mut self) -> Result<BigDecimal, DecodeError> {
        let left = self.rest.len();
        let mut inner = Reader::new(self.slice()?);
        let number = inner.slice().and_then(|unscaled| {
            let scale = inner.int()?;
            inner.finish()?;
            Ok(BigDecimal::from_be_bytes(unscaled, scale))
        });
        let number = number.ok().flatten();
        number.ok_or_else(|| self.error_before(left, Kind::Logical("big-decimal")))
    }
}

/// Appends a `big-decimal`.
pub fn big_decimal(out: &mut Vec<u8>, value: &BigDecimal) {
    let mut inner = Vec::with_capacity(value.unscaled.len() + 15);
    write::bytes(&mut inner, &value.unscaled);
    write::int(&mut inner, value.scale);
    write::bytes(out, &inner);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_and_read() {
        let cases = [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (12_345, 2, "123.45"),
            (1, -400, "1e400"),
            (-7, 400, "-7e-400"),
            (i128::MIN, 10, "-17014118346046923173168730371.5884105728"),
        ];
        for (unscaled, scale, text) in cases {
            let number = BigDecimal::new(unscaled, scale);
            assert_eq!(number.to_string(), text);
            assert_eq!(text.parse(), Ok(number));
        }
        let long = format!("-{}.25", "123456789".repeat(20));
        assert_eq!(long.parse::<BigDecimal>().unwrap().to_string(), long);
        for text in ["", "-", "1.2.3", "e5", "1e99999999999", "+1"] {
            assert!(text.parse::<BigDecimal>().is_err(), "{text:?}");
        }
    }
}

//! The logical type `decimal`: exact numbers of a fixed number of digits.

mod big;
#[cfg(feature = "rust_decimal")]
mod convert;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use big::{BigDecimal, big_decimal};

use crate::{DecodeError, DecodeErrorKind as Kind, Reader, StandsFor, write};

/// A number of at most `PRECISION` digits, `SCALE` of them behind the point: Avro's `decimal`.
///
/// `PRECISION` is 1 to 38, and `SCALE` at most `PRECISION`. What does not fit can't be made, so
/// that writing can't fail.
///
/// ```
/// use factum_schema::Decimal;
///
/// let price: Decimal<9, 2> = "19.90".parse()?;
/// assert_eq!(price.unscaled(), 1990);
/// assert!("19.901".parse::<Decimal<9, 2>>().is_err());
/// # Ok::<_, factum_schema::DecimalError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal<const PRECISION: u32, const SCALE: u32>(i128);

/// Why something is no [`Decimal`] of a precision and scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// A text that is not a number.
    #[error("not a decimal number; digits are expected, with at most one point")]
    Text,
    /// Digits behind the point that the scale has no place for.
    #[error("the number has more than {scale} digits behind the point")]
    Scale {
        /// How many there is place for.
        scale: u32,
    },
    /// Too many digits.
    #[error("the number has more than {precision} digits")]
    Precision {
        /// How many there is place for.
        precision: u32,
    },
}

impl<const PRECISION: u32, const SCALE: u32> Decimal<PRECISION, SCALE> {
    /// The largest number.
    pub const MAX: Self = Self(10_i128.pow(PRECISION) - 1);
    /// The smallest number.
    pub const MIN: Self = Self(-Self::MAX.0);

    /// The number that is `unscaled` / 10^`SCALE`; `None` if that has more than `PRECISION` digits.
    pub const fn from_unscaled(unscaled: i128) -> Option<Self> {
        if Self::MIN.0 <= unscaled && unscaled <= Self::MAX.0 {
            Some(Self(unscaled))
        } else {
            None
        }
    }

    /// The number times 10^`SCALE`.
    pub const fn unscaled(self) -> i128 {
        self.0
    }

    /// The number `unscaled` / 10^`scale`, if it is one of these exactly.
    fn rescaled(unscaled: i128, scale: u32) -> Result<Self, DecimalError> {
        let too_large = DecimalError::Precision {
            precision: PRECISION,
        };
        let unscaled = match SCALE.checked_sub(scale) {
            Some(more) => 10_i128
                .checked_pow(more)
                .and_then(|by| unscaled.checked_mul(by))
                .ok_or(too_large)?,
            None => shorter(unscaled, scale - SCALE).ok_or(DecimalError::Scale { scale: SCALE })?,
        };
        Self::from_unscaled(unscaled).ok_or(too_large)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_unscaled(i128_from_be(bytes)?)
    }
}

/// The number without its last digits, if those are zeros.
fn shorter(unscaled: i128, digits: u32) -> Option<i128> {
    match 10_i128.checked_pow(digits) {
        Some(by) if unscaled % by == 0 => Some(unscaled / by),
        None if unscaled == 0 => Some(0),
        _ => None,
    }
}

impl<const PRECISION: u32, const SCALE: u32> fmt::Display for Decimal<PRECISION, SCALE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, digits) = (10_u128.pow(SCALE), self.0.unsigned_abs());
        let (whole, rest) = (digits / unit, digits % unit);
        let text = match SCALE as usize {
            0 => whole.to_string(),
            width => format!("{whole}.{rest:0width$}"),
        };
        f.pad_integral(self.0 >= 0, "", &text)
    }
}

impl<const PRECISION: u32, const SCALE: u32> FromStr for Decimal<PRECISION, SCALE> {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digit = |c: u8| c.is_ascii_digit();
        if whole.len() + rest.len() == 0 || !whole.bytes().chain(rest.bytes()).all(is_digit) {
            return Err(DecimalError::Text);
        }
        let rest = rest.trim_end_matches('0');
        let unscaled = whole
            .bytes()
            .chain(rest.bytes())
            .try_fold(0_i128, |number, digit| {
                number
                    .checked_mul(10)?
                    .checked_add(i128::from(digit - b'0'))
            });
        let unscaled = unscaled.ok_or(DecimalError::Precision {
            precision: PRECISION,
        })?;
        Self::rescaled(
            if negative { -unscaled } else { unscaled },
            rest.len() as u32,
        )
    }
}

impl<const PRECISION: u32, const SCALE: u32> Serialize for Decimal<PRECISION, SCALE> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const PRECISION: u32, const SCALE: u32> Deserialize<'de> for Decimal<PRECISION, SCALE> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Reader<'_> {
    /// Reads a `decimal` from bytes.
    ///
    /// # Errors
    /// As [`Reader::slice`], or the number has more digits than the type.
    #[inline]
    pub fn decimal<const P: u32, const S: u32, T: StandsFor<Decimal<P, S>>>(
        &mut self,
    ) -> Result<T, DecodeError> {
        let left = self.rest.len();
        let bytes = self.slice()?;
        let value = Decimal::from_bytes(bytes).and_then(T::of);
        value.ok_or_else(|| self.error_before(left, Kind::Logical("decimal")))
    }

    /// Reads a `decimal` from a fixed of `N` bytes.
    ///
    /// # Errors
    /// As [`Reader::fixed`], or the number has more digits than the type.
    #[inline]
    pub fn decimal_fixed<
        const N: usize,
        const P: u32,
        const S: u32,
        T: StandsFor<Decimal<P, S>>,
    >(
        &mut self,
    ) -> Result<T, DecodeError> {
        let left = self.rest.len();
        let bytes = self.fixed::<N>()?;
        let value = Decimal::from_bytes(&bytes).and_then(T::of);
        value.ok_or_else(|| self.error_before(left, Kind::Logical("decimal")))
    }
}

/// Appends a `decimal` on bytes, in as few as it needs.
///
/// What is no [`Decimal`] of that precision and scale is written as no bytes at all, which no reader takes for a
/// number, since any other bytes would be another one.
#[inline]
pub fn decimal<const P: u32, const S: u32, T: StandsFor<Decimal<P, S>>>(
    out: &mut Vec<u8>,
    value: T,
) {
    match value.meaning() {
        Some(value) => write::bytes(out, fewest_bytes(&value.0.to_be_bytes())),
        None => write::bytes(out, &[]),
    }
}

/// Appends a `decimal` on a fixed of `N` bytes, which must be enough for its digits.
///
/// What is no [`Decimal`] of that precision and scale is written as the smallest number of so many bytes, which has
/// more digits than the decimals that fit there.
#[inline]
pub fn decimal_fixed<const N: usize, const P: u32, const S: u32, T: StandsFor<Decimal<P, S>>>(
    out: &mut Vec<u8>,
    value: T,
) {
    let Some(value) = value.meaning() else {
        let mut smallest = [0; N];
        if let Some(first) = smallest.first_mut() {
            *first = 0x80;
        }
        return write::fixed(out, &smallest);
    };
    let bytes = value.0.to_be_bytes();
    let sign = if value.0 < 0 { 0xff } else { 0 };
    out.resize(out.len() + N.saturating_sub(bytes.len()), sign);
    out.extend_from_slice(&bytes[bytes.len().saturating_sub(N)..]);
}

/// The number that any number of bytes stands for in two's complement; `None` for none, or for one
/// beyond 128 bits.
fn i128_from_be(bytes: &[u8]) -> Option<i128> {
    let sign = if *bytes.first()? < 0x80 { 0 } else { 0xff };
    let (head, tail) = bytes.split_at(bytes.len().saturating_sub(16));
    let mut wide = [sign; 16];
    wide[16 - tail.len()..].copy_from_slice(tail);
    let number = i128::from_be_bytes(wide);
    let is_sign = head.iter().all(|byte| *byte == sign) && (number < 0) == (sign == 0xff);
    is_sign.then_some(number)
}

/// Two's complement without the bytes in front that only repeat the sign.
fn fewest_bytes(bytes: &[u8]) -> &[u8] {
    let repeats = |pair: &[u8]| matches!((pair[0], pair[1] < 0x80), (0, true) | (0xff, false));
    let skip = bytes.windows(2).take_while(|pair| repeats(pair)).count();
    &bytes[skip..]
}

#[cfg(test)]
mod tests {
    use super::*;

    type Money = Decimal<5, 2>;

    #[test]
    fn numbers_are_exact_or_refused() {
        let unscaled = |text: &str| text.parse().map(Money::unscaled);
        assert_eq!(unscaled("1.5"), Ok(150));
        assert_eq!(unscaled("-999.990"), Ok(-99_999));
        assert_eq!(unscaled("+.05"), Ok(5));
        assert_eq!(unscaled("1.005"), Err(DecimalError::Scale { scale: 2 }));
        assert_eq!(
            unscaled("1000"),
            Err(DecimalError::Precision { precision: 5 })
        );
        for text in ["", "-", ".", "1.2.3", "1e3", "--1", "１"] {
            assert_eq!(unscaled(text), Err(DecimalError::Text), "{text:?}");
        }
        let endless = "9".repeat(60);
        assert_eq!(
            unscaled(&endless),
            Err(DecimalError::Precision { precision: 5 })
        );
    }

    #[test]
    fn numbers_are_shown_with_their_scale() {
        let shown = |unscaled| Money::from_unscaled(unscaled).unwrap().to_string();
        assert_eq!(
            [shown(5), shown(-5), shown(99_999)],
            ["0.05", "-0.05", "999.99"]
        );
        assert_eq!(Decimal::<3, 0>::MIN.to_string(), "-999");
        assert_eq!(
            Decimal::<38, 38>::MAX.to_string(),
            format!("0.{}", "9".repeat(38))
        );
    }

    #[test]
    fn bytes_are_the_fewest_and_any_number_of_them_is_read() {
        let cases: [(i128, &[u8]); 8] = [
            (0, &[0]),
            (127, &[127]),
            (128, &[0, 128]),
            (-1, &[255]),
            (-128, &[128]),
            (-129, &[255, 127]),
            (i128::MAX, &i128::MAX.to_be_bytes()),
            (i128::MIN, &i128::MIN.to_be_bytes()),
        ];
        for (number, bytes) in cases {
            assert_eq!(fewest_bytes(&number.to_be_bytes()), bytes);
            let sign = if number < 0 { 255 } else { 0 };
            let longer = [&[sign; 20], bytes].concat();
            assert_eq!(
                [i128_from_be(bytes), i128_from_be(&longer)],
                [Some(number); 2]
            );
        }
        assert_eq!(i128_from_be(&[]), None);
        assert_eq!(i128_from_be(&[[0].as_slice(), &[255; 16]].concat()), None);
        assert_eq!(i128_from_be(&[1; 17]), None);
    }
}

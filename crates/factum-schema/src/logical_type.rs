//! Which logical types have a meaning, and on what.

use crate::schema::{Body, Digits, Schema, Shape, Type};

/// A logical type of Avro 1.12, on a type that it may stand on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogicalType {
    /// `decimal` on bytes or fixed: an unscaled integer, big-endian in two's complement.
    Decimal(Digits),
    /// `big-decimal` on bytes: each value has its own scale.
    BigDecimal,
    /// `uuid` on string, or on a fixed of 16 bytes.
    Uuid,
    /// `date` on int: days since 1970-01-01.
    Date,
    /// `time-millis` on int: milliseconds after midnight.
    TimeMillis,
    /// `time-micros` on long: microseconds after midnight.
    TimeMicros,
    /// `timestamp-millis` on long.
    TimestampMillis,
    /// `timestamp-micros` on long.
    TimestampMicros,
    /// `timestamp-nanos` on long.
    TimestampNanos,
    /// `local-timestamp-millis` on long: a date and time without a time zone.
    LocalTimestampMillis,
    /// `local-timestamp-micros` on long.
    LocalTimestampMicros,
    /// `local-timestamp-nanos` on long.
    LocalTimestampNanos,
    /// `duration` on a fixed of 12 bytes: months, days and milliseconds.
    Duration,
}

impl LogicalType {
    /// What Avro calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decimal(_) => "decimal",
            Self::BigDecimal => "big-decimal",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::TimeMillis => "time-millis",
            Self::TimeMicros => "time-micros",
            Self::TimestampMillis => "timestamp-millis",
            Self::TimestampMicros => "timestamp-micros",
            Self::TimestampNanos => "timestamp-nanos",
            Self::LocalTimestampMillis => "local-timestamp-millis",
            Self::LocalTimestampMicros => "local-timestamp-micros",
            Self::LocalTimestampNanos => "local-timestamp-nanos",
            Self::Duration => "duration",
        }
    }
}

impl Schema {
    /// The logical type of `ty`, if it has one that is valid there.
    ///
    /// # Errors
    /// It has one that is unknown, or not valid there; the text says why. By the specification `ty`
    /// is then its plain type.
    pub fn logical_type(&self, ty: &Type) -> Result<Option<LogicalType>, String> {
        let (name, digits, size) = match &ty.shape {
            Shape::Named(name) => match self.named(name) {
                Some(named) => (&named.logical, named.digits, size(&named.body)),
                None => return Ok(None),
            },
            _ => (&ty.logical, ty.digits, None),
        };
        let Some(name) = name else { return Ok(None) };
        let (plain, digits) = (&ty.shape, digits.filter(|d| fits(*d, size)));
        let known = known(name, plain, size, digits);
        known.map(Some).ok_or_else(|| {
            format!(
                "the logical type `{name}` is unknown or not valid on `{}`; it is ignored",
                plain.label()
            )
        })
    }
}

fn size(body: &Body) -> Option<usize> {
    match body {
        Body::Fixed(size) => Some(*size),
        _ => None,
    }
}

fn known(
    name: &str,
    plain: &Shape,
    size: Option<usize>,
    digits: Option<Digits>,
) -> Option<LogicalType> {
    use LogicalType as L;
    Some(match (name, plain, size) {
        ("decimal", Shape::Bytes, _) | ("decimal", _, Some(_)) => L::Decimal(digits?),
        ("big-decimal", Shape::Bytes, _) => L::BigDecimal,
        ("uuid", Shape::String, _) | ("uuid", _, Some(16)) => L::Uuid,
        ("date", Shape::Int, _) => L::Date,
        ("time-millis", Shape::Int, _) => L::TimeMillis,
        ("time-micros", Shape::Long, _) => L::TimeMicros,
        ("timestamp-millis", Shape::Long, _) => L::TimestampMillis,
        ("timestamp-micros", Shape::Long, _) => L::TimestampMicros,
        ("timestamp-nanos", Shape::Long, _) => L::TimestampNanos,
        ("local-timestamp-millis", Shape::Long, _) => L::LocalTimestampMillis,
        ("local-timestamp-micros", Shape::Long, _) => L::LocalTimestampMicros,
        ("local-timestamp-nanos", Shape::Long, _) => L::LocalTimestampNanos,
        ("duration", _, Some(12)) => L::Duration,
        _ => return None,
    })
}

/// Whether every number of so many digits fits a fixed of so many bytes.
fn fits(digits: Digits, size: Option<usize>) -> bool {
    // 2^(8n-1) - 1 holds floor(log10(2^(8n-1) - 1)) whole digits; no power of 2 is one of 10.
    let held = |size: usize| ((size as f64 * 8.0 - 1.0) * 2_f64.log10()).floor();
    size.is_none_or(|size| size > 0 && f64::from(digits.precision) <= held(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_holds_as_many_digits_as_java_says() {
        let most = |size| {
            (1..100).rfind(|&precision| {
                fits(
                    Digits {
                        precision,
                        scale: 0,
                    },
                    Some(size),
                )
            })
        };
        let mosts: Vec<_> = [0, 1, 2, 3, 4, 8, 12, 16, 17].map(most).into();
        let expected = [
            None,
            Some(2),
            Some(4),
            Some(6),
            Some(9),
            Some(18),
            Some(28),
            Some(38),
            Some(40),
        ];
        assert_eq!(mosts, expected);
    }
}

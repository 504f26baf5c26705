//! Logical types in the words of people.

use std::fmt::Display;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};

use crate::logical_type::LogicalType;
use crate::schema::{Body, Schema, Shape, Type};
use crate::value::Value;
use crate::value::read::take;
use crate::{BigDecimal, DecodeError, Duration, Reader};

/// How many bytes of a decimal are told as a number: the digits cost the square of it.
const MOST_BYTES: usize = 64;

/// The text of the value that stands there; none if it is none of the logical type's.
pub(super) fn tell<'a>(
    logical: LogicalType,
    schema: &Schema,
    ty: &Type,
    input: &mut Reader<'a>,
) -> Option<Value<'a>> {
    match logical {
        LogicalType::Decimal(digits) => {
            let scale = i32::try_from(digits.scale).ok()?;
            let unscaled = match size(schema, ty) {
                Some(size) => take(input, size).ok()?,
                None => input.slice().ok()?,
            };
            number(BigDecimal::from_be_bytes(short(unscaled)?, scale)?)
        }
        LogicalType::BigDecimal => {
            short(input.clone().slice().ok()?)?;
            number(input.big_decimal().ok()?)
        }
        LogicalType::Uuid => match size(schema, ty) {
            Some(_) => text(input.uuid_fixed()),
            None => input.str().ok().map(Value::text),
        },
        LogicalType::Date => text::<Date>(input.date()),
        LogicalType::TimeMillis => text::<Time>(input.time_millis()),
        LogicalType::TimeMicros => text::<Time>(input.time_micros()),
        LogicalType::TimestampMillis => text::<Timestamp>(input.timestamp_millis()),
        LogicalType::TimestampMicros => text::<Timestamp>(input.timestamp_micros()),
        LogicalType::TimestampNanos => text::<Timestamp>(input.timestamp_nanos()),
        LogicalType::LocalTimestampMillis => text::<DateTime>(input.local_timestamp_millis()),
        LogicalType::LocalTimestampMicros => text::<DateTime>(input.local_timestamp_micros()),
        LogicalType::LocalTimestampNanos => text::<DateTime>(input.local_timestamp_nanos()),
        LogicalType::Duration => input.duration().ok().map(duration),
    }
}

fn text<'a, T: Display>(value: Result<T, DecodeError>) -> Option<Value<'a>> {
    Some(Value::text(value.ok()?.to_string()))
}

fn number<'a>(value: BigDecimal) -> Option<Value<'a>> {
    Some(Value::text(value.to_string()))
}

fn short(unscaled: &[u8]) -> Option<&[u8]> {
    (unscaled.len() <= MOST_BYTES).then_some(unscaled)
}

/// By ISO 8601, of the three units that do not convert into each other: `P1M2DT3.004S`.
fn duration<'a>(value: Duration) -> Value<'a> {
    let Duration {
        months,
        days,
        millis,
    } = value;
    let (seconds, millis) = (millis / 1000, millis % 1000);
    Value::text(format!("P{months}M{days}DT{seconds}.{millis:03}S"))
}

fn size(schema: &Schema, ty: &Type) -> Option<usize> {
    let Shape::Named(name) = &ty.shape else {
        return None;
    };
    match schema.named(name)?.body {
        Body::Fixed(size) => Some(size),
        _ => None,
    }
}

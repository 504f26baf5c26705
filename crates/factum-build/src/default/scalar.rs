//! Defaults of primitives, and of the logical types on them.

use factum_schema::{DecodeError, Digits, LogicalType, Reader, write};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::Value;
use uuid::Uuid;

use super::{Defaults, bytes};
use crate::generate::digit_parameters;
use crate::model::Scalar;
use crate::types::{Decimals, Times};

impl Defaults<'_> {
    pub(super) fn scalar(&self, scalar: Scalar, value: &Value) -> Option<TokenStream> {
        Some(match scalar {
            Scalar::Boolean => {
                let value = value.as_bool()?;
                quote!(#value)
            }
            Scalar::Int => literal(Literal::i32_unsuffixed(
                i32::try_from(value.as_i64()?).ok()?,
            )),
            Scalar::Long => literal(Literal::i64_unsuffixed(value.as_i64()?)),
            Scalar::Float => literal(Literal::f32_unsuffixed(value.as_f64()? as f32)),
            Scalar::Double => literal(Literal::f64_unsuffixed(value.as_f64()?)),
            Scalar::Bytes => self.scope.home.form().bytes_literal(&bytes(value)?),
            Scalar::String => self.scope.home.form().text_literal(value.as_str()?),
            Scalar::Logical(logical) => self.logical(logical, value)?,
        })
    }

    fn logical(&self, logical: LogicalType, value: &Value) -> Option<TokenStream> {
        Some(match logical {
            LogicalType::Decimal(digits) => self.decimal(digits, &bytes(value)?)?,
            LogicalType::BigDecimal => big_decimal(&bytes(value)?)?,
            LogicalType::Uuid => self.uuid(Uuid::try_parse(value.as_str()?).ok()?),
            time => self.time(time, value.as_i64()?)?,
        })
    }

    /// A logical type of date and time.
    fn time(&self, logical: LogicalType, number: i64) -> Option<TokenStream> {
        let mut bytes = Vec::new();
        write::long(&mut bytes, number);
        let time = match logical {
            LogicalType::Date => self.date(read(&bytes, Reader::date)?),
            LogicalType::TimeMillis => self.time_of_day(read(&bytes, Reader::time_millis)?),
            LogicalType::TimeMicros => self.time_of_day(read(&bytes, Reader::time_micros)?),
            LogicalType::TimestampMillis => self.timestamp(read(&bytes, Reader::timestamp_millis)?),
            LogicalType::TimestampMicros => self.timestamp(read(&bytes, Reader::timestamp_micros)?),
            LogicalType::TimestampNanos => self.timestamp(read(&bytes, Reader::timestamp_nanos)?),
            LogicalType::LocalTimestampMillis => {
                self.date_time(read(&bytes, Reader::local_timestamp_millis)?)
            }
            LogicalType::LocalTimestampMicros => {
                self.date_time(read(&bytes, Reader::local_timestamp_micros)?)
            }
            LogicalType::LocalTimestampNanos => {
                self.date_time(read(&bytes, Reader::local_timestamp_nanos)?)
            }
            _ => return None,
        };
        Some(match self.scope.types.times {
            Times::Jiff => time,
            Times::Chrono | Times::Time => stands_for(&time),
        })
    }

    pub(super) fn decimal(&self, digits: Digits, bytes: &[u8]) -> Option<TokenStream> {
        let limit = 10_i128.checked_pow(digits.precision)?;
        let unscaled = factum_schema::BigDecimal::from_be_bytes(bytes, 0)?.unscaled()?;
        let unscaled =
            (-limit < unscaled && unscaled < limit).then(|| Literal::i128_unsuffixed(unscaled))?;
        let digits = digit_parameters(digits);
        let decimal = quote!(avro::Decimal::<#digits>::from_unscaled(#unscaled).expect("it fits"));
        Some(match self.scope.types.decimals {
            Decimals::Factum => decimal,
            Decimals::RustDecimal => stands_for(&decimal),
        })
    }

    pub(super) fn uuid(&self, id: Uuid) -> TokenStream {
        let (facade, number) = (self.scope.facade, id.as_u128());
        quote!(#facade::uuid::Uuid::from_u128(#number))
    }

    fn timestamp(&self, time: Timestamp) -> TokenStream {
        let facade = self.scope.facade;
        let (second, nanosecond) = (time.as_second(), time.subsec_nanosecond());
        quote!(#facade::jiff::Timestamp::constant(#second, #nanosecond))
    }

    fn date(&self, date: Date) -> TokenStream {
        let (facade, year, month, day) = (self.scope.facade, date.year(), date.month(), date.day());
        quote!(#facade::jiff::civil::date(#year, #month, #day))
    }

    fn time_of_day(&self, time: Time) -> TokenStream {
        let (facade, hour, minute) = (self.scope.facade, time.hour(), time.minute());
        let (second, nanosecond) = (time.second(), time.subsec_nanosecond());
        quote!(#facade::jiff::civil::time(#hour, #minute, #second, #nanosecond))
    }

    fn date_time(&self, value: DateTime) -> TokenStream {
        let facade = self.scope.facade;
        let (date, time) = (self.date(value.date()), self.time_of_day(value.time()));
        quote!(#facade::jiff::civil::DateTime::from_parts(#date, #time))
    }
}

/// What the runtime makes of the bytes: the generated code's default is the same.
fn read<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, DecodeError>,
) -> Option<T> {
    read(&mut Reader::new(bytes)).ok()
}

fn big_decimal(bytes: &[u8]) -> Option<TokenStream> {
    let mut framed = Vec::new();
    write::bytes(&mut framed, bytes);
    let number = Reader::new(&framed).big_decimal().ok()?;
    let (unscaled, scale) = (number.unscaled_be_bytes(), number.scale());
    Some(quote!(avro::BigDecimal::from_be_bytes(&[#(#unscaled),*], #scale).expect("it has bytes")))
}

/// A value of another crate's type, in the place of one that is known as the codec's own.
fn stands_for(value: &TokenStream) -> TokenStream {
    quote!(avro::StandsFor::of(#value).expect("it fits"))
}

fn literal(literal: Literal) -> TokenStream {
    quote!(#literal)
}

//! Whose types logical types become.

use factum_schema::LogicalType;
use proc_macro2::TokenStream;
use quote::quote;

/// The crate whose types dates and times become.
///
/// The bytes are the same whichever it is: what is read and written goes by way of jiff's types, from
/// -9999-01-01 to 9999-12-31. A timestamp is from -9999-01-02T01:59:59Z to 9999-12-30T22:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Times {
    /// `jiff::Timestamp`, `jiff::civil::{DateTime, Date, Time}`.
    #[default]
    Jiff,
    /// `chrono::DateTime<Utc>`, `chrono::{NaiveDateTime, NaiveDate, NaiveTime}`, with the feature `chrono` of the
    /// crate `factum`.
    ///
    /// These hold more than can be read: years beyond 9999, and leap seconds, which are written as the second
    /// after them. The leap second after the last second of a day is no `time-millis` or `time-micros`.
    Chrono,
    /// `time::OffsetDateTime`, `time::{PrimitiveDateTime, Date, Time}`, with the feature `time` of the crate `factum`.
    ///
    /// An offset from UTC is not kept: what is read is in UTC.
    Time,
}

/// The crate whose type a `decimal` becomes. A `big-decimal` is a `factum::schema::BigDecimal` always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decimals {
    /// `factum::schema::Decimal<PRECISION, SCALE>`, of at most 38 digits; what the schema has no digits for can't be
    /// made.
    #[default]
    Factum,
    /// `rust_decimal::Decimal`, of at most 28 digits, with the feature `rust_decimal` of the crate `factum`.
    ///
    /// A value that the schema has no digits for can be made and written, but not read; the engine, which reads what it
    /// is about to append, refuses it. Nothing is rounded.
    RustDecimal,
}

/// Whose types they become, all in all.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Types {
    pub times: Times,
    pub decimals: Decimals,
}

impl Times {
    /// The type for a logical type of dates and times.
    pub(crate) fn rust_type(self, logical: LogicalType, facade: &TokenStream) -> TokenStream {
        use LogicalType as L;
        let of = |jiff, chrono, time| match self {
            Self::Jiff => quote!(#facade::jiff::#jiff),
            Self::Chrono => quote!(#facade::chrono::#chrono),
            Self::Time => quote!(#facade::time::#time),
        };
        match logical {
            L::Date => of(quote!(civil::Date), quote!(NaiveDate), quote!(Date)),
            L::TimeMillis | L::TimeMicros => {
                of(quote!(civil::Time), quote!(NaiveTime), quote!(Time))
            }
            L::LocalTimestampMillis | L::LocalTimestampMicros | L::LocalTimestampNanos => of(
                quote!(civil::DateTime),
                quote!(NaiveDateTime),
                quote!(PrimitiveDateTime),
            ),
            _ => of(
                quote!(Timestamp),
                quote!(DateTime<#facade::chrono::Utc>),
                quote!(OffsetDateTime),
            ),
        }
    }
}

impl Decimals {
    /// How many digits the type holds.
    pub(crate) fn most_digits(self) -> u32 {
        match self {
            Self::Factum => 38,
            Self::RustDecimal => 28,
        }
    }
}

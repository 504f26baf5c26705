//! Types of other crates, in the place of those that the codec reads and writes by itself.

#[cfg(feature = "chrono")]
mod chrono;
#[cfg(feature = "rust_decimal")]
mod rust_decimal;
#[cfg(feature = "time")]
mod time;

/// A type that may stand for `T`, which the codec reads and writes by itself.
///
/// Every type stands for itself. With the features that are called like the crates, these do, too:
///
/// | `T` | `chrono` | `time` | `rust_decimal` |
/// |---|---|---|---|
/// | `jiff::Timestamp` | `DateTime<Utc>` | `OffsetDateTime` | |
/// | `jiff::civil::DateTime` | `NaiveDateTime` | `PrimitiveDateTime` | |
/// | `jiff::civil::Date` | `NaiveDate` | `Date` | |
/// | `jiff::civil::Time` | `NaiveTime` | `Time` | |
/// | [`Decimal`](crate::Decimal) | | | `Decimal` |
///
/// What is read and what is written is the same whatever stands for `T`: everything goes by way of it.
/// So a value that `T` can't hold is written as bytes that no reader takes for one, since any other
/// bytes would be another value. Whoever reads back what they are about to keep, as the engine does, is told.
pub trait StandsFor<T>: Sized {
    /// What stands for `value`; `None` if this type can't hold it.
    fn of(value: T) -> Option<Self>;

    /// What this stands for; `None` if `T` can't hold it.
    fn meaning(self) -> Option<T>;
}

impl<T> StandsFor<T> for T {
    #[inline]
    fn of(value: T) -> Option<Self> {
        Some(value)
    }

    #[inline]
    fn meaning(self) -> Option<T> {
        Some(self)
    }
}

//! The documentation of generated items.

use factum_schema::LogicalType as L;
use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Scalar, Ty};
use crate::place::Place;
use crate::types::{Decimals, Types};

/// Doc comments, a line each.
pub(super) fn docs(text: &str) -> TokenStream {
    let lines = text.lines().map(|line| match line.trim_end() {
        "" => String::new(),
        line => format!(" {line}"),
    });
    quote!(#(#[doc = #lines])*)
}

/// What tells a type's borrowed form from the other.
pub(super) fn borrowed(place: &Place) -> Option<TokenStream> {
    let text = "\nText and bytes are borrowed from what it was read from.";
    place.borrowed.then(|| docs(text))
}

/// What a reader of the struct has to know: the log keeps less than Rust's types hold.
pub(super) fn precision(ty: &Ty, types: Types) -> Option<String> {
    let logical = match ty {
        Ty::Scalar(Scalar::Logical(logical)) => *logical,
        Ty::Fixed(fixed) => fixed.logical?,
        Ty::Union(_) => return None,
        ty => return ty.inner().iter().find_map(|ty| precision(ty, types)),
    };
    let text = match logical {
        L::TimestampMillis | L::LocalTimestampMillis | L::TimeMillis => {
            "Kept in whole milliseconds: what is finer is cut off, toward the past.".to_owned()
        }
        L::TimestampMicros | L::LocalTimestampMicros | L::TimeMicros => {
            "Kept in whole microseconds: what is finer is cut off, toward the past.".to_owned()
        }
        L::TimestampNanos | L::LocalTimestampNanos => {
            "From 1677-09-21 to 2262-04-11: what lies outside can be written, but not read."
                .to_owned()
        }
        L::Decimal(digits) if types.decimals == Decimals::RustDecimal => format!(
            "At most {} digits, {} of them behind the point: any other number can be written, but not read.",
            digits.precision, digits.scale
        ),
        _ => return None,
    };
    Some(format!("\n{text}"))
}

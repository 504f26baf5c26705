//! The documentation of generated items.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::{Scalar, Ty};
use crate::place::Place;

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

/// What a reader of the struct has to know: the log keeps less than jiff's types hold.
pub(super) fn precision(ty: &Ty) -> Option<&'static str> {
    match ty {
        Ty::Scalar(Scalar::TimestampMillis | Scalar::LocalTimestampMillis | Scalar::TimeMillis) => {
            Some("\nKept in whole milliseconds: what is finer is cut off, toward the past.")
        }
        Ty::Scalar(Scalar::TimestampMicros | Scalar::LocalTimestampMicros | Scalar::TimeMicros) => {
            Some("\nKept in whole microseconds: what is finer is cut off, toward the past.")
        }
        Ty::Scalar(Scalar::TimestampNanos | Scalar::LocalTimestampNanos) => {
            Some("\nFrom 1677-09-21 to 2262-04-11: what lies outside can be written, but not read.")
        }
        Ty::Union(_) => None,
        ty => ty.inner().iter().find_map(precision),
    }
}

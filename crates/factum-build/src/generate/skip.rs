//! Statements that pass over a value that has no place any more.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::model::{Body, Scalar, Ty, Version};

/// An expression of type `Result<(), DecodeError>`, for the versions' own types.
pub(super) fn skip(ty: &Ty, written: &Version) -> TokenStream {
    match ty {
        Ty::Scalar(scalar) => self::scalar(*scalar),
        Ty::Fixed(fixed) => bytes(fixed.size),
        Ty::Array(item) => {
            let (least, item) = (least(item, written), skip(item, written));
            quote!(input.skip_array(#least, |input| #item))
        }
        Ty::Map(value) => {
            let (least, value) = (least(value, written), skip(value, written));
            quote!(input.skip_map(#least, |input| #value))
        }
        Ty::Nullable { null, value } => {
            let null = Literal::u32_unsuffixed(*null);
            let value = skip(value, written);
            quote!(input.skip_nullable(#null, |input| #value))
        }
        Ty::Record(name) | Ty::Enum(name) => body(&written.def(name).body, written),
    }
}

fn body(body: &Body, written: &Version) -> TokenStream {
    match body {
        Body::Enum { symbols, .. } => {
            let count = Literal::usize_unsuffixed(symbols.len());
            quote!(input.index(#count).map(|_| ()))
        }
        Body::Record(fields) if fields.is_empty() => quote!(Ok(())),
        Body::Record(fields) => {
            let mut steps = fields.iter().map(|field| skip(&field.ty, written));
            let first = steps.next();
            quote!(#first #(.and_then(|()| #steps))*)
        }
    }
}

fn scalar(scalar: Scalar) -> TokenStream {
    match scalar.plain() {
        Scalar::Boolean => quote!(input.boolean().map(|_| ())),
        Scalar::Int => quote!(input.int().map(|_| ())),
        Scalar::Float => bytes(4),
        Scalar::Double => bytes(8),
        Scalar::Bytes | Scalar::String => quote!(input.slice().map(|_| ())),
        _ => quote!(input.long().map(|_| ())),
    }
}

fn bytes(count: usize) -> TokenStream {
    let count = Literal::usize_unsuffixed(count);
    quote!(input.skip(#count))
}

pub(super) fn least(ty: &Ty, written: &Version) -> Literal {
    Literal::usize_unsuffixed(ty.least(&written.defs))
}

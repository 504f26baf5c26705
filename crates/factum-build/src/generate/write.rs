//! Functions that append a record or an enum.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::model::{Body, Def, Field, Scalar, Ty};
use crate::names;

/// The name of the function that writes a type. Types of one aggregate differ in their Rust names,
/// so their functions do.
pub(super) fn function(short: &str) -> Ident {
    format_ident!("write_{}", names::type_name(short))
}

pub(super) fn writer(def: &Def) -> TokenStream {
    let (function, ty) = (
        function(def.name.short()),
        names::type_ident(def.name.short()),
    );
    match &def.body {
        Body::Record(fields) => {
            let writes = fields.iter().map(field);
            quote! {
                fn #function(out: &mut ::std::vec::Vec<u8>, value: &#ty) { #(#writes)* }
            }
        }
        Body::Enum { .. } => quote! {
            fn #function(out: &mut ::std::vec::Vec<u8>, value: &#ty) {
                avro::write::index(out, *value as u32);
            }
        },
    }
}

fn field(field: &Field) -> TokenStream {
    let name = names::field_ident(&field.name);
    let place = Place {
        owned: quote!(value.#name),
        borrowed: quote!(&value.#name),
    };
    let write = write(&field.ty, &place);
    quote!(#write;)
}

/// How to get at a value: as a place, and as a reference.
struct Place {
    owned: TokenStream,
    borrowed: TokenStream,
}

fn write(ty: &Ty, place: &Place) -> TokenStream {
    let Place { owned, borrowed } = place;
    match ty {
        Ty::Scalar(scalar) => {
            let method = scalar.method();
            let value = match scalar {
                Scalar::Bytes | Scalar::String => borrowed,
                _ => owned,
            };
            quote!(avro::write::#method(out, #value))
        }
        Ty::Fixed(_) => quote!(avro::write::fixed(out, #borrowed)),
        Ty::Array(item) => {
            let item = closure(item);
            quote!(avro::write::array(out, #borrowed, #item))
        }
        Ty::Map(value) => {
            let value = closure(value);
            quote!(avro::write::map(out, #borrowed, #value))
        }
        Ty::Nullable { null, value } => {
            let null = proc_macro2::Literal::u32_unsuffixed(*null);
            let value = closure(value);
            quote!(avro::write::nullable(out, #null, #owned.as_ref(), #value))
        }
        Ty::Record(name) | Ty::Enum(name) => {
            let function = function(name.short());
            quote!(#function(out, #borrowed))
        }
    }
}

/// A function of `out` and a reference to the value.
fn closure(ty: &Ty) -> TokenStream {
    if let Ty::Record(name) | Ty::Enum(name) = ty {
        let function = function(name.short());
        return quote!(#function);
    }
    let place = Place {
        owned: quote!(*value),
        borrowed: quote!(value),
    };
    let write = match ty {
        // A method call binds tighter than `*`, and reaches through the reference by itself.
        Ty::Nullable { .. } => write(
            ty,
            &Place {
                owned: quote!(value),
                ..place
            },
        ),
        _ => write(ty, &place),
    };
    quote!(|out, value| #write)
}

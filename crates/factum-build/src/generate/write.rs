//! Functions that append a record or an enum.

use factum_schema::LogicalType;
use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::scope::{Scope, fixed_method, method, number};
use crate::form::Form;
use crate::model::{Body, Def, Field, Fixed, Scalar, Ty, Union};
use crate::names;
use crate::variants::variants;

pub(super) fn writer(def: &Def, scope: Scope<'_>) -> TokenStream {
    let place = scope.home.place(&def.name);
    let (function, ty) = (place.function("write"), place.top());
    match &def.body {
        Body::Record(fields) => {
            let written = fields.iter().filter(|field| field.ty != Ty::Null);
            let writes = written.map(|f| field(f, scope));
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

fn field(field: &Field, scope: Scope<'_>) -> TokenStream {
    let name = names::field_ident(&field.name);
    let place = Place {
        owned: quote!(value.#name),
        borrowed: quote!(&value.#name),
    };
    let write = scope.write(&field.ty, &place);
    quote!(#write;)
}

/// How to get at a value: as a place, and as a reference.
struct Place {
    owned: TokenStream,
    borrowed: TokenStream,
}

impl Place {
    /// What the variable `value` refers to.
    fn value() -> Self {
        Self {
            owned: quote!(*value),
            borrowed: quote!(value),
        }
    }
}

impl Scope<'_> {
    fn write(&self, ty: &Ty, place: &Place) -> TokenStream {
        let Place { owned, borrowed } = place;
        match ty {
            Ty::Null => quote!(()),
            Ty::Scalar(scalar) => {
                let method = method(*scalar);
                let value = match scalar {
                    Scalar::Bytes | Scalar::String | Scalar::Logical(LogicalType::BigDecimal) => {
                        borrowed
                    }
                    _ => owned,
                };
                quote!(avro::write::#method(out, #value))
            }
            Ty::Fixed(fixed) => self::fixed(fixed, place),
            Ty::Array(item) => {
                let item = self.closure(item);
                quote!(avro::write::array(out, #borrowed, #item))
            }
            Ty::Map(value) => {
                let value = self.closure(value);
                quote!(avro::write::map(out, #borrowed, #value))
            }
            Ty::Nullable { null, value } => {
                let (null, value) = (Literal::u32_unsuffixed(*null), self.closure(value));
                quote!(avro::write::nullable(out, #null, #owned.as_ref(), #value))
            }
            Ty::Union(union) => self.union(union, borrowed),
            Ty::Record { name, .. } | Ty::Enum(name) => {
                let function = self.home.place(name).function("write");
                quote!(#function(out, #borrowed))
            }
        }
    }

    fn union(&self, union: &Union, borrowed: &TokenStream) -> TokenStream {
        let name = self.home.union(&union.name).top();
        let null = union.null().map(|index| {
            let index = number(index);
            quote!(None => avro::write::index(out, #index),)
        });
        let arms = variants(union).into_iter().map(|variant| {
            let (index, write) = (
                number(variant.index),
                self.write(variant.ty, &Place::value()),
            );
            let variant = variant.ident();
            let pattern = quote!(#name::#variant(value));
            let pattern = if null.is_some() {
                quote!(Some(#pattern))
            } else {
                pattern
            };
            quote!(#pattern => { avro::write::index(out, #index); #write; })
        });
        quote!(match #borrowed { #null #(#arms)* })
    }

    /// A function of `out` and a reference to the value.
    fn closure(&self, ty: &Ty) -> TokenStream {
        if let Ty::Record { name, boxed: false } | Ty::Enum(name) = ty {
            let function = self.home.place(name).function("write");
            return quote!(#function);
        }
        let place = match ty {
            // A method call binds tighter than `*`, and reaches through the reference by itself.
            Ty::Nullable { .. } => Place {
                owned: quote!(value),
                borrowed: quote!(value),
            },
            _ => Place::value(),
        };
        let write = self.write(ty, &place);
        quote!(|out, value| #write)
    }
}

fn fixed(fixed: &Fixed, place: &Place) -> TokenStream {
    let method = fixed_method(fixed, Form::Owned);
    let value = match fixed.logical {
        None => &place.borrowed,
        Some(_) => &place.owned,
    };
    quote!(avro::write::#method(out, #value))
}

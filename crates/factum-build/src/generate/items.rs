//! Structs for records, enums for enums.

use proc_macro2::TokenStream;
use quote::quote;

use crate::aggregate::Item;
use crate::model::{Body, Def, Field, Scalar, Ty, Version};
use crate::names;

pub(super) fn item(item: Item<'_>, facade: &TokenStream) -> TokenStream {
    match &item.def.body {
        Body::Record(fields) => record(item.version, item.def, fields, facade),
        Body::Enum { symbols, .. } => enumeration(item.def, symbols),
    }
}

fn record(version: &Version, def: &Def, fields: &[Field], facade: &TokenStream) -> TokenStream {
    let name = names::type_ident(def.name.short());
    let fallback = if def.name == version.root {
        format!(
            "The event `{}`, as of version {}.",
            version.event, version.version
        )
    } else {
        format!("The record `{}`.", def.name)
    };
    let docs = docs(def.doc.as_deref().unwrap_or(&fallback));
    let fields = fields.iter().map(|f| field(f, facade));
    quote! {
        #docs
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::all, clippy::pedantic)]
        pub struct #name { #(#fields),* }
    }
}

fn field(field: &Field, facade: &TokenStream) -> TokenStream {
    let name = names::field_ident(&field.name);
    let fallback = format!("The field `{}`.", field.name);
    let docs = docs(field.doc.as_deref().unwrap_or(&fallback));
    let precision = precision(&field.ty).map(self::docs);
    let ty = rust_type(&field.ty, facade);
    quote!(#docs #precision pub #name: #ty)
}

/// What a reader of the struct has to know: the log keeps less than `jiff::Timestamp` holds.
fn precision(ty: &Ty) -> Option<&'static str> {
    match ty {
        Ty::Scalar(Scalar::TimestampMillis) => {
            Some("\nKept in whole milliseconds: what is finer is cut off, toward the past.")
        }
        Ty::Scalar(Scalar::TimestampMicros) => {
            Some("\nKept in whole microseconds: what is finer is cut off, toward the past.")
        }
        Ty::Array(inner) | Ty::Map(inner) | Ty::Nullable { value: inner, .. } => precision(inner),
        _ => None,
    }
}

fn enumeration(def: &Def, symbols: &[String]) -> TokenStream {
    let name = names::type_ident(def.name.short());
    let fallback = format!("The enum `{}`.", def.name);
    let docs = docs(def.doc.as_deref().unwrap_or(&fallback));
    let variants: Vec<_> = symbols.iter().map(|s| names::variant_ident(s)).collect();
    let variant_docs = symbols
        .iter()
        .map(|s| self::docs(&format!("The symbol `{s}`.")));
    quote! {
        #docs
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(clippy::all, clippy::pedantic)]
        pub enum #name { #(#variant_docs #variants),* }

        impl #name {
            /// The symbol, as the schema spells it.
            pub const fn as_str(self) -> &'static str {
                match self { #(Self::#variants => #symbols),* }
            }
        }
    }
}

/// The Rust type for an Avro type.
pub(super) fn rust_type(ty: &Ty, facade: &TokenStream) -> TokenStream {
    let inner = |ty: &Ty| rust_type(ty, facade);
    match ty {
        Ty::Scalar(scalar) => scalar_type(*scalar, facade),
        Ty::Fixed(fixed) => {
            let size = proc_macro2::Literal::usize_unsuffixed(fixed.size);
            quote!([u8; #size])
        }
        Ty::Array(item) => {
            let item = inner(item);
            quote!(::std::vec::Vec<#item>)
        }
        Ty::Map(value) => {
            let value = inner(value);
            quote!(::std::collections::BTreeMap<::std::string::String, #value>)
        }
        Ty::Nullable { value, .. } => {
            let value = inner(value);
            quote!(::std::option::Option<#value>)
        }
        Ty::Record(name) | Ty::Enum(name) => {
            let name = names::type_ident(name.short());
            quote!(#name)
        }
    }
}

fn scalar_type(scalar: Scalar, facade: &TokenStream) -> TokenStream {
    match scalar {
        Scalar::Boolean => quote!(bool),
        Scalar::Int => quote!(i32),
        Scalar::Long => quote!(i64),
        Scalar::Float => quote!(f32),
        Scalar::Double => quote!(f64),
        Scalar::Bytes => quote!(::std::vec::Vec<u8>),
        Scalar::String => quote!(::std::string::String),
        Scalar::TimestampMillis | Scalar::TimestampMicros => quote!(#facade::jiff::Timestamp),
        Scalar::Date => quote!(#facade::jiff::civil::Date),
        Scalar::Uuid => quote!(#facade::uuid::Uuid),
    }
}

/// Doc comments, a line each.
pub(super) fn docs(text: &str) -> TokenStream {
    let lines = text.lines().map(|line| format!(" {}", line.trim_end()));
    quote!(#(#[doc = #lines])*)
}

//! A field's default, from JSON to a Rust expression.

use factum_schema::FullName;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use proc_macro2::{Literal, TokenStream};
use quote::quote;
use serde_json::Value;
use uuid::Uuid;

use crate::finding::Finding;
use crate::model::{Body, Field, Scalar, Ty, Version};
use crate::names;

/// What makes a default into Rust: the schema it stands in, and the path of the facade.
pub(crate) struct Defaults<'a> {
    pub version: &'a Version,
    pub facade: &'a TokenStream,
}

/// Refuses defaults that Rust's types can't hold. That they fit Avro's is known already.
pub(crate) fn check(version: &Version, findings: &mut Vec<Finding>) {
    let facade = quote!();
    let defaults = Defaults {
        version,
        facade: &facade,
    };
    for def in version.defs.values() {
        let Body::Record(fields) = &def.body else {
            continue;
        };
        for field in fields {
            let Some(value) = &field.default else {
                continue;
            };
            if defaults.expression(&field.ty, value).is_none() {
                let pointer = format!("{}/default", field.pointer);
                let message = format!("{value} is no value of {}", field.ty.label());
                findings.push(Finding::new(&version.file, &pointer, message));
            }
        }
    }
}

impl Defaults<'_> {
    /// The expression for `value` as a default of the type `ty`; `None` if it is out of range.
    pub fn expression(&self, ty: &Ty, value: &Value) -> Option<TokenStream> {
        match ty {
            Ty::Scalar(scalar) => self.scalar(*scalar, value),
            Ty::Fixed(_) => {
                let bytes = bytes(value)?;
                Some(quote!([#(#bytes),*]))
            }
            Ty::Array(item) => self.array(item, value),
            Ty::Map(inner) => self.map(inner, value),
            Ty::Nullable { null: 0, .. } => Some(quote!(None)),
            Ty::Nullable { value: inner, .. } => {
                let inner = self.expression(inner, value)?;
                Some(quote!(Some(#inner)))
            }
            Ty::Record(name) => self.record(name, value),
            Ty::Enum(name) => {
                let ty = names::type_ident(name.short());
                let variant = names::variant_ident(value.as_str()?);
                Some(quote!(#ty::#variant))
            }
        }
    }

    fn scalar(&self, scalar: Scalar, value: &Value) -> Option<TokenStream> {
        let facade = self.facade;
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
            Scalar::Bytes => {
                let bytes = bytes(value)?;
                quote!(::std::vec::Vec::from([#(#bytes),*]))
            }
            Scalar::String => {
                let text = value.as_str()?;
                quote!(::std::string::String::from(#text))
            }
            Scalar::TimestampMillis => {
                self.timestamp(Timestamp::from_millisecond(value.as_i64()?).ok()?)
            }
            Scalar::TimestampMicros => {
                self.timestamp(Timestamp::from_microsecond(value.as_i64()?).ok()?)
            }
            Scalar::Date => {
                let since = SignedDuration::from_secs(value.as_i64()?.checked_mul(86_400)?);
                let date = Date::constant(1970, 1, 1).checked_add(since).ok()?;
                let (year, month, day) = (date.year(), date.month(), date.day());
                quote!(#facade::jiff::civil::date(#year, #month, #day))
            }
            Scalar::Uuid => {
                let number = Uuid::try_parse(value.as_str()?).ok()?.as_u128();
                quote!(#facade::uuid::Uuid::from_u128(#number))
            }
        })
    }

    fn timestamp(&self, time: Timestamp) -> TokenStream {
        let facade = self.facade;
        let (second, nanosecond) = (time.as_second(), time.subsec_nanosecond());
        quote!(#facade::jiff::Timestamp::constant(#second, #nanosecond))
    }

    fn array(&self, item: &Ty, value: &Value) -> Option<TokenStream> {
        let values = value.as_array()?.iter();
        let values = values
            .map(|value| self.expression(item, value))
            .collect::<Option<Vec<_>>>()?;
        Some(quote!(::std::vec::Vec::from([#(#values),*])))
    }

    fn map(&self, inner: &Ty, value: &Value) -> Option<TokenStream> {
        let mut entries = Vec::new();
        for (key, value) in value.as_object()? {
            let value = self.expression(inner, value)?;
            entries.push(quote!((::std::string::String::from(#key), #value)));
        }
        Some(quote!(::std::collections::BTreeMap::from([#(#entries),*])))
    }

    fn record(&self, name: &FullName, value: &Value) -> Option<TokenStream> {
        let Body::Record(fields) = &self.version.def(name).body else {
            return None;
        };
        let values = fields
            .iter()
            .map(|field| self.field(field, value))
            .collect::<Option<Vec<_>>>()?;
        let ty = names::type_ident(name.short());
        Some(quote!(#ty { #(#values),* }))
    }

    fn field(&self, field: &Field, record: &Value) -> Option<TokenStream> {
        let value = record.get(&field.name).or(field.default.as_ref())?;
        let value = self.expression(&field.ty, value)?;
        let name = names::field_ident(&field.name);
        Some(quote!(#name: #value))
    }
}

fn literal(literal: Literal) -> TokenStream {
    quote!(#literal)
}

/// Avro writes bytes as a string whose characters are the bytes.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    let chars = value.as_str()?.chars();
    chars.map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

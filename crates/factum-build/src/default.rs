//! A field's default, from JSON to a Rust expression.

mod fits;
mod scalar;

use factum_schema::{FullName, LogicalType};
use proc_macro2::TokenStream;
use quote::quote;
use serde_json::Value;

use crate::finding::Finding;
use crate::generate::Scope;
use crate::model::{Body, Field, Ty, Union, Version};
use crate::names;
use crate::place::Home;
use crate::types::Types;
use crate::variants::variants;

/// A record whose default contains a record's default, and so on, is given up at this depth.
const MAX_DEPTH: u32 = 64;

/// What makes a default into Rust: the schema it stands in, and the file it is for.
#[derive(Clone, Copy)]
pub(crate) struct Defaults<'a> {
    version: &'a Version,
    scope: Scope<'a>,
    depth: u32,
}

/// Refuses defaults that Rust's types can't hold. That they fit Avro's is known already.
pub(crate) fn check(version: &Version, findings: &mut Vec<Finding>) {
    let scope = Scope {
        home: Home::owned(""),
        facade: &TokenStream::new(),
        serde: false,
        types: Types::default(),
    };
    let defaults = Defaults::new(version, scope);
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

impl<'a> Defaults<'a> {
    pub fn new(version: &'a Version, scope: Scope<'a>) -> Self {
        Self {
            version,
            scope,
            depth: 0,
        }
    }

    /// The expression for `value` as a default of the type `ty`; `None` if it is out of range.
    pub fn expression(&self, ty: &Ty, value: &Value) -> Option<TokenStream> {
        match ty {
            Ty::Null => Some(quote!(())),
            Ty::Scalar(scalar) => self.scalar(*scalar, value),
            Ty::Fixed(fixed) => self.fixed(fixed.logical, value),
            Ty::Array(item) => self.array(item, value),
            Ty::Map(inner) => self.map(inner, value),
            Ty::Nullable { .. } if value.is_null() => Some(quote!(None)),
            Ty::Nullable { value: inner, .. } => {
                let inner = self.expression(inner, value)?;
                Some(quote!(Some(#inner)))
            }
            Ty::Union(union) => self.union(union, value),
            Ty::Record { name, boxed } => {
                let record = self.record(name, value)?;
                Some(if *boxed {
                    quote!(::std::boxed::Box::new(#record))
                } else {
                    record
                })
            }
            Ty::Enum(name) => {
                let ty = self.scope.home.place(name).top();
                let variant = names::variant_ident(value.as_str()?);
                Some(quote!(#ty::#variant))
            }
        }
    }

    fn fixed(&self, logical: Option<LogicalType>, value: &Value) -> Option<TokenStream> {
        let bytes = bytes(value)?;
        match logical {
            Some(LogicalType::Decimal(digits)) => self.decimal(digits, &bytes),
            Some(LogicalType::Uuid) => Some(self.uuid(uuid::Uuid::from_slice(&bytes).ok()?)),
            Some(LogicalType::Duration) => {
                let duration = factum_schema::Duration::from_bytes(bytes.try_into().ok()?);
                let (months, days, millis) = (duration.months, duration.days, duration.millis);
                Some(quote!(avro::Duration { months: #months, days: #days, millis: #millis }))
            }
            _ => Some(self.scope.home.form().fixed_literal(&bytes)),
        }
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
            let (key, value) = (
                self.scope.home.form().text_literal(key),
                self.expression(inner, value)?,
            );
            entries.push(quote!((#key, #value)));
        }
        Some(quote!(::std::collections::BTreeMap::from([#(#entries),*])))
    }

    /// The default belongs to the first branch that it fits.
    fn union(&self, union: &Union, value: &Value) -> Option<TokenStream> {
        let fits = |ty: &Ty| fits::fits(ty, value, &self.version.defs);
        let index = union.branches.iter().position(fits)?;
        let is_option = union.null().is_some();
        let Some(variant) = variants(union).into_iter().find(|v| v.index == index) else {
            return Some(quote!(None));
        };
        let (ty, name) = (self.scope.home.union(&union.name).top(), variant.ident());
        let inner = self.expression(variant.ty, value)?;
        let value = quote!(#ty::#name(#inner));
        Some(if is_option {
            quote!(Some(#value))
        } else {
            value
        })
    }

    fn record(&self, name: &FullName, value: &Value) -> Option<TokenStream> {
        let Body::Record(fields) = &self.version.def(name).body else {
            return None;
        };
        let deeper = Self {
            depth: self.depth + 1,
            ..*self
        };
        if deeper.depth > MAX_DEPTH {
            return None;
        }
        let values = fields
            .iter()
            .map(|field| deeper.field(field, value))
            .collect::<Option<Vec<_>>>()?;
        let ty = self.scope.home.place(name).top();
        Some(quote!(#ty { #(#values),* }))
    }

    fn field(&self, field: &Field, record: &Value) -> Option<TokenStream> {
        let value = record.get(&field.name).or(field.default.as_ref())?;
        let value = self.expression(&field.ty, value)?;
        let name = names::field_ident(&field.name);
        Some(quote!(#name: #value))
    }
}

/// Avro writes bytes as a string whose characters are the bytes.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    let chars = value.as_str()?.chars();
    chars.map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

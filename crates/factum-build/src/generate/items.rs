//! Structs for records, enums for enums and unions.

use proc_macro2::TokenStream;
use quote::quote;

use super::docs::{borrowed, docs, precision};
use super::scope::Scope;
use crate::aggregate::{Item, Kind};
use crate::model::{Body, Def, Field, Ty, Union, Version};
use crate::names;
use crate::place::Place;
use crate::variants::variants;

pub(super) fn item(place: &Place, item: Item<'_>, scope: Scope<'_>) -> TokenStream {
    match (item.kind, &item.def.body) {
        (Kind::Union(field, union), _) => self::union(place, item.def, field, union, scope),
        (Kind::Def, Body::Record(fields)) => record(place, item.version, item.def, fields, scope),
        (Kind::Def, Body::Enum { symbols, .. }) => enumeration(place, item.def, symbols, scope),
    }
}

fn record(
    place: &Place,
    version: &Version,
    def: &Def,
    fields: &[Field],
    scope: Scope<'_>,
) -> TokenStream {
    let name = place.ident();
    let fallback = if def.name == version.root {
        format!(
            "The event `{}`, as of version {}.",
            version.event, version.version
        )
    } else {
        format!("The record `{}`.", def.name)
    };
    let docs = docs(def.doc.as_deref().unwrap_or(&fallback));
    let fields = fields.iter().map(|f| field(f, &place.modules, scope));
    let (lifetime, borrowed, serde) = (place.lifetime(), borrowed(place), scope.serde());
    quote! {
        #docs
        #borrowed
        #[derive(Clone, Debug, PartialEq)]
        #serde
        #[allow(clippy::all, clippy::pedantic)]
        pub struct #name #lifetime { #(#fields),* }
    }
}

fn field(field: &Field, modules: &[String], scope: Scope<'_>) -> TokenStream {
    let name = names::field_ident(&field.name);
    let fallback = format!("The field `{}`.", field.name);
    let docs = docs(field.doc.as_deref().unwrap_or(&fallback));
    let precision = precision(&field.ty, scope.types).map(|text| self::docs(&text));
    let (ty, rename) = (
        scope.rust_type(&field.ty, modules),
        scope.rename(&field.name),
    );
    let with = scope.with(&field.ty);
    quote!(#docs #precision #rename #with pub #name: #ty)
}

fn enumeration(place: &Place, def: &Def, symbols: &[String], scope: Scope<'_>) -> TokenStream {
    let name = place.ident();
    let fallback = format!("The enum `{}`.", def.name);
    let docs = docs(def.doc.as_deref().unwrap_or(&fallback));
    let variants: Vec<_> = symbols.iter().map(|s| names::variant_ident(s)).collect();
    let variant_docs = symbols
        .iter()
        .map(|s| self::docs(&format!("The symbol `{s}`.")));
    let renames = symbols.iter().map(|s| scope.rename(s));
    let serde = scope.serde();
    quote! {
        #docs
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #serde
        #[allow(clippy::all, clippy::pedantic)]
        pub enum #name { #(#variant_docs #renames #variants),* }

        impl #name {
            /// The symbol, as the schema spells it.
            pub const fn as_str(self) -> &'static str {
                match self { #(Self::#variants => #symbols),* }
            }
        }
    }
}

fn union(place: &Place, def: &Def, field: &Field, union: &Union, scope: Scope<'_>) -> TokenStream {
    let name = place.ident();
    let docs = docs(&format!(
        "What the field `{}` of `{}` may hold.",
        field.name, def.name
    ));
    let (lifetime, borrowed, serde) = (place.lifetime(), borrowed(place), scope.serde());
    let variants = variants(union).into_iter().map(|variant| {
        let docs = self::docs(&format!("A value of {}.", described(variant.ty)));
        let precision = precision(variant.ty, scope.types).map(|text| self::docs(&text));
        let (name, rename) = (variant.ident(), scope.rename(branch(variant.ty)));
        let ty = scope.rust_type(variant.ty, &place.modules);
        let with = scope.with(variant.ty);
        quote!(#docs #precision #rename #name(#with #ty))
    });
    quote! {
        #docs
        #borrowed
        #[derive(Clone, Debug, PartialEq)]
        #serde
        #[allow(clippy::all, clippy::pedantic)]
        pub enum #name #lifetime { #(#variants),* }
    }
}

fn described(ty: &Ty) -> String {
    match ty {
        Ty::Record { name, .. } | Ty::Enum(name) => format!("`{name}`"),
        Ty::Fixed(fixed) => format!("`{}`", fixed.name),
        ty => format!("the type {}", ty.label()),
    }
}

/// What Avro's JSON encoding calls a union's branch.
fn branch(ty: &Ty) -> &str {
    match ty {
        Ty::Record { name, .. } | Ty::Enum(name) => name.as_str(),
        Ty::Fixed(fixed) => fixed.name.as_str(),
        Ty::Scalar(scalar) => scalar.plain().label(),
        Ty::Array(_) => "array",
        Ty::Map(_) => "map",
        Ty::Null | Ty::Nullable { .. } | Ty::Union(_) => "null",
    }
}

impl Scope<'_> {
    /// Serde's derives, if they are asked for.
    pub fn serde(&self) -> Option<TokenStream> {
        self.serde
            .then(|| quote!(#[derive(::serde::Serialize, ::serde::Deserialize)]))
    }

    /// Serde calls it as Avro does.
    pub fn rename(&self, avro: &str) -> Option<TokenStream> {
        self.serde.then(|| quote!(#[serde(rename = #avro)]))
    }
}

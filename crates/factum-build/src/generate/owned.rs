//! What is borrowed becomes what is owned: a `From` for each type that has both forms.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::event;
use super::scope::Scope;
use crate::aggregate::{Aggregate, Item, Kind};
use crate::model::{Body, Field, Scalar, Ty, Union};
use crate::names;
use crate::place::{Home, Place};
use crate::variants::variants;

/// For the types in the borrowed `scope`, and the enum over all events.
pub(super) fn conversions(
    aggregate: &Aggregate,
    items: &BTreeMap<Place, Item<'_>>,
    scope: Scope<'_>,
) -> TokenStream {
    let items = items.iter().filter_map(|(owned, item)| {
        let body = match (item.kind, &item.def.body) {
            (Kind::Union(_, union), _) => scope.own_union(owned, union),
            (Kind::Def, Body::Record(fields)) => scope.own_record(fields),
            (Kind::Def, Body::Enum { .. }) => return None,
        };
        conversion(owned, scope, &body)
    });
    let events = aggregate.newest().map(|newest| {
        let ty = Ty::Record {
            name: newest.root.clone(),
            boxed: false,
        };
        (event::ident(newest), ty)
    });
    let owned = Home::owned(scope.home.aggregate).event_enum();
    let events = scope.own_variants(&owned, events);
    let event_enum = conversion(&owned, scope, &events);
    quote!(#(#items)* #event_enum)
}

/// The `From` of the type at that place, if it has a borrowed form.
fn conversion(owned: &Place, scope: Scope<'_>, body: &TokenStream) -> Option<TokenStream> {
    let place = scope.home.formed(owned.clone());
    let (owned, borrowed) = (owned.top(), place.top());
    let conversion = || {
        quote! {
            impl ::std::convert::From<#borrowed<'_>> for #owned {
                fn from(value: #borrowed<'_>) -> Self { #body }
            }
        }
    };
    place.borrowed.then(conversion)
}

impl Scope<'_> {
    fn own_record(&self, fields: &[Field]) -> TokenStream {
        let fields = fields.iter().map(|field| {
            let name = names::field_ident(&field.name);
            let value = self.own(&field.ty, &quote!(value.#name));
            quote!(#name: #value)
        });
        quote!(Self { #(#fields),* })
    }

    fn own_union(&self, owned: &Place, union: &Union) -> TokenStream {
        let variants = variants(union).into_iter();
        self.own_variants(owned, variants.map(|v| (v.ident(), v.ty.clone())))
    }

    fn own_variants(
        &self,
        owned: &Place,
        variants: impl Iterator<Item = (Ident, Ty)>,
    ) -> TokenStream {
        let borrowed = self.home.formed(owned.clone()).top();
        let arms = variants.map(|(variant, ty)| {
            let value = self.own(&ty, &quote!(value));
            quote!(#borrowed::#variant(value) => Self::#variant(#value))
        });
        quote!(match value { #(#arms),* })
    }

    /// The expression `value`, owned.
    fn own(&self, ty: &Ty, value: &TokenStream) -> TokenStream {
        if !self.home.borrows(ty) {
            return value.clone();
        }
        match ty {
            Ty::Fixed(_) => quote!(*#value),
            Ty::Array(item) => {
                let item = self.owner(item);
                quote!(#value.into_iter().map(#item).collect())
            }
            Ty::Map(inner) => {
                let inner = self.own(inner, &quote!(value));
                quote!(#value.into_iter().map(|(key, value)| (key.into(), #inner)).collect())
            }
            Ty::Nullable { value: inner, .. } => {
                let inner = self.owner(inner);
                quote!(#value.map(#inner))
            }
            Ty::Union(union) if union.null().is_some() => {
                quote!(#value.map(::std::convert::Into::into))
            }
            Ty::Record { boxed: true, .. } => quote!(::std::boxed::Box::new((*#value).into())),
            _ => quote!(#value.into()),
        }
    }

    /// A function that makes such a value owned.
    fn owner(&self, ty: &Ty) -> TokenStream {
        match ty {
            Ty::Scalar(Scalar::String | Scalar::Bytes) | Ty::Record { boxed: false, .. } => {
                quote!(::std::convert::Into::into)
            }
            ty => {
                let value = self.own(ty, &quote!(value));
                quote!(|value| #value)
            }
        }
    }
}

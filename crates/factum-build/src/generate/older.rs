//! The older versions that Rust code makes into the newest: a module with structs for each.

use std::collections::{BTreeMap, BTreeSet};

use factum_schema::FullName;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::items::{self, docs};
use super::read::Readers;
use crate::aggregate::{Aggregate, Item, same_body};
use crate::finding::Finding;
use crate::model::{Body, Ty, Version};
use crate::names;

/// A module for each event of which there are such versions: `submitted::v1`.
pub(super) fn modules(
    aggregate: &Aggregate,
    newest: &BTreeMap<String, Item<'_>>,
    facade: &TokenStream,
    findings: &mut Vec<Finding>,
) -> TokenStream {
    let mut events: BTreeMap<&str, Vec<TokenStream>> = BTreeMap::new();
    for (version, _) in aggregate.upcasts() {
        let module = module(version, newest, facade, findings);
        events.entry(&version.event).or_default().push(module);
    }
    let modules = events.into_iter().map(|(event, versions)| {
        let name = names::field_ident(event);
        let docs = docs(&format!("Older versions of the event `{event}`."));
        quote!(#docs pub mod #name { #(#versions)* })
    });
    quote!(#(#modules)*)
}

/// The struct of an older version, from the place where the aggregate's types are.
pub(super) fn path(version: &Version) -> TokenStream {
    let (event, number) = (names::field_ident(&version.event), number(version));
    let root = names::type_ident(version.root.short());
    quote!(#event::#number::#root)
}

fn number(version: &Version) -> Ident {
    format_ident!("v{}", version.version)
}

/// The version's types are generated as if it was the only one of the only event.
fn module(
    version: &Version,
    newest: &BTreeMap<String, Item<'_>>,
    facade: &TokenStream,
    findings: &mut Vec<Finding>,
) -> TokenStream {
    let alone = Aggregate {
        name: String::new(),
        events: vec![vec![version.clone()]],
        settings: BTreeMap::new(),
    };
    let types = alone.items(findings);
    let types = types.iter().map(|(name, item)| match newest.get(name) {
        Some(same) if item.def.name != version.root && is_same(*item, *same) => {
            let name = names::type_ident(name);
            quote!(pub use super::super::#name;)
        }
        _ => items::item(*item, facade),
    });
    let readers = Readers::new(&alone, facade, findings);
    let (functions, entry) = (&readers.functions, readers.entry(version));
    let (name, root) = (number(version), names::type_ident(version.root.short()));
    let docs = docs(&format!(
        "Version {}, which an upcaster makes into the newest.",
        version.version
    ));
    quote! {
        #docs
        pub mod #name {
            #(#types)*
            #[allow(clippy::all, clippy::pedantic, non_snake_case, unused_variables)]
            const _: () = {
                use #facade::schema as avro;
                impl #root {
                    pub(in super::super) fn read(
                        input: &mut avro::Reader<'_>,
                    ) -> ::std::result::Result<Self, avro::DecodeError> { #entry(input) }
                }
                #(#functions)*
            };
        }
    }
}

/// Whether a type and all that it holds is still what it was, so that upcasters can hand it on.
fn is_same(old: Item<'_>, new: Item<'_>) -> bool {
    let mut seen = BTreeSet::new();
    let mut left = vec![old.def.name.clone()];
    while let Some(name) = left.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let (old, Some(new)) = (old.version.def(&name), new.version.defs.get(&name)) else {
            return false;
        };
        if !same_body(&old.body, &new.body) {
            return false;
        }
        if let Body::Record(fields) = &old.body {
            fields.iter().for_each(|field| named(&field.ty, &mut left));
        }
    }
    true
}

/// The records and enums that a type is made of.
fn named(ty: &Ty, names: &mut Vec<FullName>) {
    match ty {
        Ty::Record(name) | Ty::Enum(name) => names.push(name.clone()),
        Ty::Array(inner) | Ty::Map(inner) | Ty::Nullable { value: inner, .. } => {
            named(inner, names)
        }
        Ty::Scalar(_) | Ty::Fixed(_) => {}
    }
}

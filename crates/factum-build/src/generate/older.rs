//! The older versions that Rust code makes into the newest: a module with structs for each.

use std::collections::{BTreeMap, BTreeSet};

use factum_schema::FullName;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::docs::docs;
use super::read::Readers;
use super::scope::Scope;
use super::{Module, items};
use crate::aggregate::{Aggregate, Item, Kind, same_body};
use crate::digits;
use crate::finding::Finding;
use crate::model::{Body, Ty, Version};
use crate::names;
use crate::place::Place;

/// A module for each event of which there are such versions: `submitted::v1`.
pub(super) fn modules(
    aggregate: &Aggregate,
    newest: &BTreeMap<Place, Item<'_>>,
    scope: Scope<'_>,
    findings: &mut Vec<Finding>,
) -> TokenStream {
    let mut events: BTreeMap<&str, Vec<TokenStream>> = BTreeMap::new();
    for (version, _) in aggregate.upcasts() {
        let module = module(version, newest, scope, findings);
        events.entry(&version.event).or_default().push(module);
    }
    let modules = events.into_iter().map(|(event, versions)| {
        let name = names::field_ident(event);
        let docs = docs(&format!("Older versions of the event `{event}`."));
        quote!(#docs pub mod #name { #(#versions)* })
    });
    quote!(#(#modules)*)
}

/// The struct of an older version, from the top of the file.
pub(super) fn path(version: &Version) -> TokenStream {
    let (event, number) = (names::field_ident(&version.event), number(version));
    let root = names::type_ident(version.root.short());
    quote!(#event::#number::#root)
}

fn number(version: &Version) -> Ident {
    format_ident!("v{}", version.version)
}

/// The version's types are generated as if it was the only one of the only event, but for those that
/// are still what they were: an upcaster hands them on as they are.
fn module(
    version: &Version,
    newest: &BTreeMap<Place, Item<'_>>,
    scope: Scope<'_>,
    findings: &mut Vec<Finding>,
) -> TokenStream {
    let alone = Aggregate {
        name: scope.home.aggregate.to_owned(),
        events: vec![vec![version.clone()]],
        settings: BTreeMap::new(),
    };
    let mut types = Module::default();
    for (place, item) in alone.items(findings) {
        let same = newest.get(&place).filter(|new| is_same(item, **new));
        let tokens = match same {
            Some(_) => shared(&place),
            None => {
                digits::check(item, scope.types.decimals, findings);
                items::item(&place, item, scope)
            }
        };
        types.at(&place.modules).push(tokens);
    }
    let types = types.tokens();
    let readers = Readers::new(&alone, &[scope], findings);
    let (functions, entry) = (&readers.functions, readers.entry(version, scope));
    let (facade, name) = (scope.facade, number(version));
    let root = names::type_ident(version.root.short());
    let docs = docs(&format!(
        "Version {}, which an upcaster makes into the newest.",
        version.version
    ));
    quote! {
        #docs
        pub mod #name {
            #types
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

/// The newest type, where an older version's would be the same.
fn shared(place: &Place) -> TokenStream {
    let up = place.modules.iter().map(|_| quote!(super::));
    let path = place.top();
    quote!(pub use super::super::#(#up)*#path;)
}

/// Whether a type and all that it holds is still what it was.
fn is_same(old: Item<'_>, new: Item<'_>) -> bool {
    match (old.kind, new.kind) {
        (Kind::Union(_, a), Kind::Union(_, b)) => {
            let mut names = Vec::new();
            a.branches.iter().for_each(|ty| named(ty, &mut names));
            a == b && are_same(names, old.version, new.version)
        }
        (Kind::Def, Kind::Def) => {
            let (name, root) = (&old.def.name, &old.version.root);
            name != root && are_same(vec![name.clone()], old.version, new.version)
        }
        _ => false,
    }
}

fn are_same(mut names: Vec<FullName>, old: &Version, new: &Version) -> bool {
    let mut seen = BTreeSet::new();
    while let Some(name) = names.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let (Some(old), Some(new)) = (old.defs.get(&name), new.defs.get(&name)) else {
            return false;
        };
        if !same_body(&old.body, &new.body) {
            return false;
        }
        if let Body::Record(fields) = &old.body {
            fields.iter().for_each(|field| named(&field.ty, &mut names));
        }
    }
    true
}

/// The records and enums that a type is made of.
fn named(ty: &Ty, names: &mut Vec<FullName>) {
    if let Ty::Record { name, .. } | Ty::Enum(name) = ty {
        names.push(name.clone());
    }
    ty.inner().iter().for_each(|inner| named(inner, names));
}

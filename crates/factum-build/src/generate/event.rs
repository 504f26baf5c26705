//! The enum over an aggregate's events, and what ties it to the runtime.

use std::collections::BTreeSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::docs::docs;
use super::read::Readers;
use super::scope::Scope;
use crate::aggregate::Aggregate;
use crate::model::Version;
use crate::names;

/// The enum itself, a variant for each event.
pub(super) fn enumeration(aggregate: &Aggregate, scope: Scope<'_>) -> TokenStream {
    let name = event_enum(aggregate);
    let docs = docs(&format!("What happens to a `{}`.", aggregate.name));
    let variants = aggregate.newest().map(|newest| {
        let (event, doc) = (ident(newest), newest.def(&newest.root).doc.as_deref());
        let fallback = format!("The event `{}`.", newest.event);
        let docs = self::docs(doc.unwrap_or(&fallback));
        quote!(#docs #event(#event))
    });
    let serde = scope.serde();
    quote! {
        #docs
        #[derive(Clone, Debug, PartialEq)]
        #serde
        #[allow(clippy::all, clippy::pedantic)]
        pub enum #name { #(#variants),* }
    }
}

/// The fingerprints and the JSON of an event's versions.
pub(super) fn versions(versions: &[Version]) -> TokenStream {
    let Some(newest) = versions.last() else {
        return TokenStream::new();
    };
    let event = ident(newest);
    let consts = versions.iter().map(|version| {
        let (const_name, fingerprint) = (fingerprint_const(version), fingerprint(version));
        let docs = docs(&format!("The fingerprint of version {}.", version.version));
        quote!(#docs pub const #const_name: u64 = #fingerprint;)
    });
    let entries = versions.iter().map(|version| {
        let Version {
            event,
            version: number,
            ..
        } = version;
        let json = json(version);
        let fingerprint = fingerprint_const(version);
        quote! {
            avro::SchemaVersion {
                event: #event,
                version: #number,
                fingerprint: Self::#fingerprint,
                json: #json,
            }
        }
    });
    quote! {
        impl #event {
            #(#consts)*
            /// Every released version of the event, the newest last.
            pub const SCHEMAS: &'static [avro::SchemaVersion] = &[#(#entries),*];
        }
    }
}

/// The schema: the file itself, or its text with the shared types in it.
fn json(version: &Version) -> TokenStream {
    let Version { path, composed, .. } = version;
    match composed {
        None => quote!(include_str!(#path)),
        Some(text) => {
            let mut hashes = "#".to_owned();
            while text.contains(&format!("\"{hashes}")) {
                hashes.push('#');
            }
            let literal = format!("r{hashes}\"{text}\"{hashes}");
            literal.parse().expect("a raw string is a token")
        }
    }
}

/// The conversions into the enum, and its `Event`.
pub(super) fn impls(aggregate: &Aggregate, readers: &Readers, scope: Scope<'_>) -> TokenStream {
    let facade = scope.facade;
    let name = event_enum(aggregate);
    let aggregate_name = &aggregate.name;
    let events: Vec<_> = aggregate.newest().map(ident).collect();
    let event_names: Vec<_> = aggregate.newest().map(|newest| &newest.event).collect();
    let newest_consts = aggregate.newest().map(fingerprint_const);
    let writers = aggregate
        .newest()
        .map(|newest| aggregate.home().place(&newest.root).function("write"));
    let arms = arms(aggregate, readers);
    quote! {
        #(
            impl ::std::convert::From<#events> for #name {
                fn from(event: #events) -> Self { Self::#events(event) }
            }
        )*

        impl #facade::Event for #name {
            const AGGREGATE: &'static str = #aggregate_name;

            fn name(&self) -> &'static str {
                match self { #(Self::#events(_) => #event_names),* }
            }

            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                match self {
                    #(Self::#events(event) => {
                        avro::frame::write(out, #events::#newest_consts);
                        #writers(out, event);
                    })*
                }
            }

            fn decode(value: &[u8]) -> ::std::result::Result<Self, #facade::DecodeError> {
                read_event(value).map_err(#facade::DecodeError::new)
            }
        }

        fn read_event(value: &[u8]) -> ::std::result::Result<#name, avro::DecodeError> {
            let mut input = avro::Reader::new(value);
            let event = match input.frame()? {
                #(#arms)*
                fingerprint => return Err(input.unknown_schema(fingerprint)),
            };
            input.finish()?;
            Ok(event)
        }
    }
}

/// An arm for every fingerprint. Versions that write the same bytes share one.
fn arms(aggregate: &Aggregate, readers: &Readers) -> Vec<TokenStream> {
    let name = event_enum(aggregate);
    let mut known = BTreeSet::new();
    let mut arms = Vec::new();
    for versions in &aggregate.events {
        let Some(newest) = versions.last() else {
            continue;
        };
        let event = ident(newest);
        for version in versions.iter().rev() {
            if known.insert(version.fingerprint) {
                let fingerprint = fingerprint_const(version);
                let function = readers.entry(version);
                arms.push(quote! {
                    #event::#fingerprint => #name::#event(#function(&mut input)?),
                });
            }
        }
    }
    arms
}

fn event_enum(aggregate: &Aggregate) -> Ident {
    names::type_ident(&aggregate.event_enum())
}

fn ident(version: &Version) -> Ident {
    names::type_ident(version.root.short())
}

fn fingerprint_const(version: &Version) -> Ident {
    format_ident!("FINGERPRINT_{}", version.version)
}

fn fingerprint(version: &Version) -> TokenStream {
    format!("0x{:016x}", version.fingerprint)
        .parse()
        .expect("a hexadecimal number is a token")
}

//! The enum over an aggregate's events, and what ties it to the runtime.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::docs::{borrowed, docs};
use super::older;
use super::read::Readers;
use super::scope::{Scope, number};
use crate::aggregate::Aggregate;
use crate::form::Form;
use crate::model::{Ty, Version};
use crate::names;

/// The enum itself, a variant for each event.
pub(super) fn enumeration(aggregate: &Aggregate, scope: Scope<'_>) -> TokenStream {
    let place = scope.home.event_enum();
    let (name, lifetime, borrowed) = (place.ident(), place.lifetime(), borrowed(&place));
    let docs = docs(&format!("What happens to a `{}`.", aggregate.name));
    let variants = aggregate.newest().map(|newest| {
        let (event, doc) = (ident(newest), newest.def(&newest.root).doc.as_deref());
        let fallback = format!("The event `{}`.", newest.event);
        let docs = self::docs(doc.unwrap_or(&fallback));
        let retired = aggregate.retired(&newest.event).map(|why| {
            let from = match scope.home.form() {
                Form::Owned => "\nOnly its variant makes it an event: there is no `From`.",
                Form::Borrowed => "",
            };
            self::docs(&format!("\nRetired, no longer produced: {why}{from}"))
        });
        let ty = scope.home.place(&newest.root).rust_type(&[]);
        let rename = scope.rename(&newest.event);
        quote!(#docs #retired #rename #event(#ty))
    });
    let serde = scope.serde();
    quote! {
        #docs
        #borrowed
        #[derive(Clone, Debug, PartialEq)]
        #serde
        #[allow(clippy::all, clippy::pedantic)]
        pub enum #name #lifetime { #(#variants),* }
    }
}

/// The fingerprints and the JSON of an event's versions.
pub(super) fn versions(versions: &[Version]) -> TokenStream {
    let Some(newest) = versions.last() else {
        return TokenStream::new();
    };
    let event = ident(newest);
    let consts = versions.iter().map(|version| {
        let const_name = fingerprint_const(version, newest);
        let fingerprint = fingerprint(version);
        let docs = docs(&match version.event == newest.event {
            true => format!("The fingerprint of version {}.", version.version),
            false => format!(
                "The fingerprint of `{}`, version {}.",
                version.event, version.version
            ),
        });
        quote!(#docs pub const #const_name: u64 = #fingerprint;)
    });
    let entries = versions.iter().map(|version| {
        let Version {
            event,
            version: number,
            ..
        } = version;
        let json = json(version);
        let fingerprint = fingerprint_const(version, newest);
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
    let name = scope.home.event_enum().ident();
    let aggregate_name = &aggregate.name;
    let events: Vec<_> = aggregate.newest().map(ident).collect();
    let produced = aggregate
        .newest()
        .filter(|newest| aggregate.retired(&newest.event).is_none());
    let produced: Vec<_> = produced.map(ident).collect();
    let event_names: Vec<_> = aggregate.newest().map(|newest| &newest.event).collect();
    let newest_consts = aggregate
        .newest()
        .map(|newest| fingerprint_const(newest, newest));
    let writers = aggregate
        .newest()
        .map(|newest| aggregate.home().place(&newest.root).function("write"));
    let schemas = aggregate.events.iter().flat_map(|versions| {
        let event = versions.last().map(ident);
        let indexes = (0..versions.len()).map(Literal::usize_unsuffixed);
        indexes.map(move |index| quote!(#event::SCHEMAS[#index]))
    });
    let arms = arms(aggregate, readers, scope);
    let sizes = aggregate.newest().map(size);
    let readings = readings(aggregate);
    quote! {
        impl #name {
            /// Every released version of every event, each event's oldest first.
            pub const SCHEMAS: &'static [avro::SchemaVersion] = &[#(#schemas),*];
        }

        #(
            impl ::std::convert::From<#produced> for #name {
                fn from(event: #produced) -> Self { Self::#produced(event) }
            }
        )*

        impl #facade::Event for #name {
            const AGGREGATE: &'static str = #aggregate_name;
            #readings

            fn name(&self) -> &'static str {
                match self { #(Self::#events(_) => #event_names),* }
            }

            fn encode(&self, out: &mut ::std::vec::Vec<u8>) {
                match self {
                    #(Self::#events(event) => {
                        out.reserve(#sizes);
                        avro::frame::write(out, #events::#newest_consts);
                        #writers(out, event);
                    })*
                }
            }

            fn decode(value: &[u8]) -> ::std::result::Result<Self, #facade::DecodeError> {
                let mut input = avro::Reader::new(value);
                let fingerprint = input.frame().map_err(#facade::DecodeError::new)?;
                match fingerprint {
                    #(#arms)*
                    unknown => {
                        let renewed = avro::foreign::renewed(&mut input, unknown);
                        Self::decode(&renewed.map_err(#facade::DecodeError::new)?)
                    }
                }
            }
        }
    }
}

/// Nothing where all is read by Avro's rules, which is what an `Event` says by itself.
fn readings(aggregate: &Aggregate) -> Option<TokenStream> {
    let readings = aggregate.readings();
    let some = !readings.is_empty();
    some.then(|| quote!(const READINGS: &'static [&'static str] = &[#(#readings),*];))
}

/// An arm for every fingerprint. Versions that write the same bytes share one.
/// The event becomes one of the enum's at last, in the place where it is returned: the enum is as large as its largest
/// event, and moving it costs more than reading a small one.
pub(super) fn arms(aggregate: &Aggregate, readers: &Readers, scope: Scope<'_>) -> Vec<TokenStream> {
    let facade = scope.facade;
    let error = quote!(#facade::DecodeError::new);
    let mut known = BTreeSet::new();
    let mut arms = Vec::new();
    for versions in &aggregate.events {
        let Some(newest) = versions.last() else {
            continue;
        };
        let event = ident(newest);
        for version in versions.iter().rev() {
            if !known.insert(version.fingerprint) {
                continue;
            }
            let read = match (aggregate.is_upcast(version), scope.home.form()) {
                (false, _) => {
                    let function = readers.entry(version, scope);
                    quote!(let event = input.to_end(#function).map_err(#error)?;)
                }
                (true, Form::Owned) => {
                    let old = older::path(version);
                    quote! {
                        let old = input.to_end(#old::read).map_err(#error)?;
                        let event = #facade::Upcast::<#old>::upcast(old);
                    }
                }
                // An upcaster makes what owns its text.
                (true, Form::Borrowed) => continue,
            };
            let fingerprint = fingerprint_const(version, newest);
            arms.push(quote! {
                #event::#fingerprint => {
                    #read
                    Ok(Self::#event(event))
                }
            });
        }
    }
    arms
}

/// Room for a usual event: a buffer that has to grow while it is written copies what it has.
fn size(newest: &Version) -> proc_macro2::Literal {
    let root = Ty::Record {
        name: newest.root.clone(),
        boxed: false,
    };
    number(16 + root.usual(&newest.defs).min(1 << 12))
}

pub(super) fn ident(version: &Version) -> Ident {
    names::type_ident(version.root.short())
}

/// `FINGERPRINT_1`, or `SUBMITTED_FINGERPRINT_1` where the event was called `Submitted`.
fn fingerprint_const(version: &Version, newest: &Version) -> Ident {
    let Version { event, version, .. } = version;
    if *event == newest.event {
        format_ident!("FINGERPRINT_{version}")
    } else {
        format_ident!(
            "{}_FINGERPRINT_{version}",
            names::field_name(event).to_uppercase()
        )
    }
}

fn fingerprint(version: &Version) -> TokenStream {
    format!("0x{:016x}", version.fingerprint)
        .parse()
        .expect("a hexadecimal number is a token")
}

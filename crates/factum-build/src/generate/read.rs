//! Functions that read a record or an enum: one for the newest version, and one for each older
//! version that wrote it otherwise.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::skip::skip;
use crate::aggregate::Aggregate;
use crate::default::Defaults;
use crate::finding::{Finding, Rule};
use crate::model::{Body, Field, Scalar, Version};
use crate::names;
use crate::plan::{BodyPlan, DefPlan, Pair, Plan, Plans, Step};
use crate::resolve;
use crate::settings;

/// The functions for every version of every event.
#[derive(Default)]
pub(super) struct Readers {
    pub functions: Vec<TokenStream>,
    /// The function that reads an event's version.
    entries: BTreeMap<(String, u32), Ident>,
    /// The functions for what the newest version writes, which older versions share.
    shared: BTreeSet<Ident>,
}

impl Readers {
    pub fn new(aggregate: &Aggregate, facade: &TokenStream, findings: &mut Vec<Finding>) -> Self {
        let mut readers = Self::default();
        for versions in &aggregate.events {
            let Some(newest) = versions.last() else {
                continue;
            };
            for version in versions.iter().rev().filter(|v| !aggregate.is_upcast(v)) {
                let before = findings.len();
                let plans = resolve::plans(version, newest, findings);
                name_the_upcaster(aggregate, version, &mut findings[before..]);
                if let Some(plans) = plans {
                    readers.add(&Reading {
                        version,
                        newest,
                        plans: &plans,
                        facade,
                    });
                }
            }
        }
        readers
    }

    /// The name of the function that reads the event of that version.
    pub fn entry(&self, version: &Version) -> Option<&Ident> {
        self.entries.get(&(version.event.clone(), version.version))
    }

    fn add(&mut self, reading: &Reading<'_>) {
        let Reading { version, plans, .. } = reading;
        for (pair, plan) in &plans.defs {
            let name = function(pair, plan.same, version);
            if *pair == plans.root {
                let key = (version.event.clone(), version.version);
                self.entries.insert(key, name.clone());
            }
            if !plan.same || self.shared.insert(name.clone()) {
                self.functions.push(reading.function(&name, pair, plan));
            }
        }
    }
}

/// What Avro's rules can't read, Rust code can.
fn name_the_upcaster(aggregate: &Aggregate, version: &Version, findings: &mut [Finding]) {
    let Version { event, version, .. } = version;
    let key = format!("{}/{event}", aggregate.name.replace('.', "/"));
    for finding in findings {
        finding.rule = Rule::Unreadable;
        finding.message += &settings::or_upcast(&key, *version);
    }
}

/// `read_Money` reads what the newest version writes, `read_Money_from_Submitted_1` what version 1
/// of the event `Submitted` wrote.
fn function(pair: &Pair, same: bool, version: &Version) -> Ident {
    let read = names::type_name(pair.read.short());
    let Version { event, version, .. } = version;
    if same {
        format_ident!("read_{read}")
    } else if pair.written.short() == pair.read.short() {
        format_ident!("read_{read}_from_{event}_{version}")
    } else {
        let written = pair.written.as_str().replace('.', "_");
        format_ident!("read_{read}_from_{event}_{version}_{written}")
    }
}

/// One version, to be read as the newest one.
struct Reading<'a> {
    version: &'a Version,
    newest: &'a Version,
    plans: &'a Plans,
    facade: &'a TokenStream,
}

impl Reading<'_> {
    fn function(&self, name: &Ident, pair: &Pair, plan: &DefPlan) -> TokenStream {
        let ty = names::type_ident(pair.read.short());
        let body = match &plan.body {
            BodyPlan::Record { steps, missing } => self.record(pair, &ty, steps, missing),
            BodyPlan::Enum(targets) => self.symbols(pair, &ty, targets),
        };
        quote! {
            fn #name(
                input: &mut avro::Reader<'_>,
            ) -> ::std::result::Result<#ty, avro::DecodeError> { #body }
        }
    }

    /// A struct expression evaluates its fields in the order in which they stand there, so the
    /// written order is the order of the text, and nothing needs a variable.
    fn record(&self, pair: &Pair, ty: &Ident, steps: &[Step], missing: &[usize]) -> TokenStream {
        let Body::Record(fields) = &self.newest.def(&pair.read).body else {
            return TokenStream::new();
        };
        let mut values = Vec::new();
        let mut skips = Vec::new();
        for step in steps {
            match step {
                Step::Skip(ty) => skips.push(skip(ty, self.version)),
                Step::Read(target, plan) => {
                    let name = names::field_ident(&fields[*target].name);
                    let value = self.result(plan);
                    let skipped = std::mem::take(&mut skips);
                    values.push(match skipped.as_slice() {
                        [] => quote!(#name: #value?),
                        skipped => quote!(#name: { #(#skipped?;)* #value? }),
                    });
                }
            }
        }
        let defaults = missing.iter().map(|index| self.default(&fields[*index]));
        let record = quote!(#ty { #(#values,)* #(#defaults),* });
        match skips.as_slice() {
            [] => quote!(Ok(#record)),
            skips => quote!(let value = #record; #(#skips?;)* Ok(value)),
        }
    }

    fn default(&self, field: &Field) -> TokenStream {
        let name = names::field_ident(&field.name);
        let defaults = Defaults {
            version: self.newest,
            facade: self.facade,
        };
        let value = field.default.as_ref();
        let value = value.and_then(|value| defaults.expression(&field.ty, value));
        quote!(#name: #value)
    }

    /// The last symbol stands for every index that is left, which `index` has bounded.
    fn symbols(&self, pair: &Pair, ty: &Ident, targets: &[usize]) -> TokenStream {
        let Body::Enum { symbols, .. } = &self.newest.def(&pair.read).body else {
            return TokenStream::new();
        };
        let variants: Vec<_> = targets
            .iter()
            .map(|t| names::variant_ident(&symbols[*t]))
            .collect();
        let count = Literal::usize_unsuffixed(targets.len());
        let Some((last, others)) = variants.split_last() else {
            return TokenStream::new();
        };
        let indexes = (0..others.len()).map(Literal::usize_unsuffixed);
        quote! {
            Ok(match input.index(#count)? {
                #(#indexes => #ty::#others,)*
                _ => #ty::#last,
            })
        }
    }

    /// An expression of type `Result<T, DecodeError>`.
    fn result(&self, plan: &Plan) -> TokenStream {
        match plan {
            Plan::Scalar(written, read) => scalar(*written, *read),
            Plan::Fixed(_) => quote!(input.fixed()),
            Plan::Def(pair) => {
                let function = self.def_function(pair);
                quote!(#function(input))
            }
            Plan::Array { least, item } => {
                let (least, item) = (Literal::usize_unsuffixed(*least), self.callable(item));
                quote!(input.array(#least, #item))
            }
            Plan::Map { least, value } => {
                let (least, value) = (Literal::usize_unsuffixed(*least), self.callable(value));
                quote!(input.map(#least, #value))
            }
            Plan::Nullable { null, value, .. } => {
                let (null, value) = (Literal::u32_unsuffixed(*null), self.callable(value));
                quote!(input.nullable(#null, #value))
            }
            Plan::Some(value) => {
                let value = self.result(value);
                quote!(#value.map(Some))
            }
        }
    }

    /// A function of the reader.
    fn callable(&self, plan: &Plan) -> TokenStream {
        match plan {
            Plan::Def(pair) => {
                let function = self.def_function(pair);
                quote!(#function)
            }
            plan => {
                let result = self.result(plan);
                quote!(|input| #result)
            }
        }
    }

    fn def_function(&self, pair: &Pair) -> Ident {
        function(pair, self.plans.is_same(pair), self.version)
    }
}

/// A logical type that is read as the type beneath it is read as that.
fn scalar(written: Scalar, read: Scalar) -> TokenStream {
    let (written_method, method) = (written.method(), read.method());
    match (written, read) {
        (Scalar::Int, Scalar::Long) => quote!(input.int().map(i64::from)),
        (Scalar::Int, Scalar::Double) => quote!(input.int().map(f64::from)),
        (Scalar::Float, Scalar::Double) => quote!(input.float().map(f64::from)),
        (Scalar::Int | Scalar::Long, Scalar::Float) => {
            quote!(input.#written_method().map(|n| n as f32))
        }
        (Scalar::Long, Scalar::Double) => quote!(input.long().map(|n| n as f64)),
        _ => quote!(input.#method()),
    }
}

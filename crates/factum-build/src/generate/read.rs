//! Functions that read a record or an enum: one for the newest version, and one for each older
//! version that wrote it otherwise.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

use super::skip::skip;
use crate::aggregate::Aggregate;
use crate::default::Defaults;
use crate::finding::Finding;
use crate::model::{Body, Scalar, Version};
use crate::names;
use crate::resolve::{self, BodyPlan, DefPlan, Pair, Plan, Plans, Step};

/// The functions for every version of every event.
pub(super) fn readers(
    aggregate: &Aggregate,
    facade: &TokenStream,
    findings: &mut Vec<Finding>,
) -> Vec<TokenStream> {
    let mut written = BTreeSet::new();
    let mut functions = Vec::new();
    for versions in &aggregate.events {
        let Some(newest) = versions.last() else {
            continue;
        };
        for version in versions.iter().rev() {
            if let Some(plans) = resolve::plans(version, newest, findings) {
                let readers = Readers {
                    version,
                    newest,
                    plans: &plans,
                    facade,
                };
                for (name, function) in readers.functions() {
                    if written.insert(name.to_string()) {
                        functions.push(function);
                    }
                }
            }
        }
    }
    functions
}

/// The name of the function that reads the event of a version as the newest one.
pub(super) fn event_function(version: &Version, newest: &Version) -> Ident {
    let same = resolve::plans(version, newest, &mut Vec::new()).is_some_and(|plans| {
        plans
            .defs
            .iter()
            .any(|(pair, plan)| *pair == plans.root && plan.same)
    });
    let pair = Pair {
        written: version.root.clone(),
        read: newest.root.clone(),
    };
    function(&pair, same, version)
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

/// The functions that read one version as the newest one.
struct Readers<'a> {
    version: &'a Version,
    newest: &'a Version,
    plans: &'a Plans,
    facade: &'a TokenStream,
}

impl Readers<'_> {
    fn functions(&self) -> Vec<(Ident, TokenStream)> {
        let defs = self.plans.defs.iter();
        defs.map(|(pair, plan)| self.reader(pair, plan)).collect()
    }

    fn reader(&self, pair: &Pair, plan: &DefPlan) -> (Ident, TokenStream) {
        let name = function(pair, plan.same, self.version);
        let ty = names::type_ident(pair.read.short());
        let body = match &plan.body {
            BodyPlan::Record { steps, missing } => self.record(pair, &ty, steps, missing),
            BodyPlan::Enum(targets) => self.symbols(pair, &ty, targets),
        };
        let function = quote! {
            fn #name(
                input: &mut avro::Reader<'_>,
            ) -> ::std::result::Result<#ty, avro::DecodeError> { #body }
        };
        (name, function)
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

    fn default(&self, field: &crate::model::Field) -> TokenStream {
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
        let known = self.plans.defs.iter().find(|(other, _)| other == pair);
        function(pair, known.is_some_and(|(_, plan)| plan.same), self.version)
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

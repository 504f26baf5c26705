//! One function: a record's or an enum's.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::Reading;
use crate::default::Defaults;
use crate::generate::scope::number;
use crate::generate::skip::Skips;
use crate::model::{Body, Field};
use crate::names;
use crate::plan::{DefPlan, Pair, Step};

impl Reading<'_> {
    pub(super) fn function(
        &self,
        name: &Ident,
        pair: &Pair,
        plan: &DefPlan,
        skips: &mut Skips<'_>,
    ) -> TokenStream {
        let place = self.scope.home.place(&pair.read);
        let ty = place.top();
        let read = self.newest.def(&pair.read);
        let body = match (plan, &read.body) {
            (DefPlan::Record { steps, missing }, Body::Record(fields)) => {
                let body = self.record(&ty, fields, (steps, missing), skips);
                if read.recursive {
                    quote!(input.nested(|input| { #body }))
                } else {
                    body
                }
            }
            (DefPlan::Enum { targets, .. }, Body::Enum { symbols, .. }) => {
                enumeration(&ty, symbols, targets)
            }
            _ => TokenStream::new(),
        };
        let read = match place.lifetime() {
            None => quote!(<'_>),
            Some(lifetime) => lifetime,
        };
        let lifetime = place.lifetime();
        quote! {
            fn #name #lifetime(
                input: &mut avro::Reader #read,
            ) -> ::std::result::Result<#ty #lifetime, avro::DecodeError> { #body }
        }
    }

    /// A struct expression evaluates its fields in the order in which they stand there, so the
    /// written order is the order of the text, and nothing needs a variable.
    fn record(
        &self,
        ty: &TokenStream,
        fields: &[Field],
        (steps, missing): (&[Step], &[usize]),
        skips: &mut Skips<'_>,
    ) -> TokenStream {
        let mut values = Vec::new();
        let mut passed = Vec::new();
        for step in steps {
            match step {
                Step::Skip(ty) => passed.push(skips.skip(ty)),
                Step::Read(target, plan) => {
                    let name = names::field_ident(&fields[*target].name);
                    let value = self.result(plan);
                    let passed = std::mem::take(&mut passed);
                    values.push(match passed.as_slice() {
                        [] => quote!(#name: #value?),
                        passed => quote!(#name: { #(#passed?;)* #value? }),
                    });
                }
            }
        }
        let defaults = missing.iter().map(|index| self.default(&fields[*index]));
        let record = quote!(#ty { #(#values,)* #(#defaults),* });
        match passed.as_slice() {
            [] => quote!(Ok(#record)),
            passed => quote!(let value = #record; #(#passed?;)* Ok(value)),
        }
    }

    fn default(&self, field: &Field) -> TokenStream {
        let name = names::field_ident(&field.name);
        let defaults = Defaults::new(self.newest, self.scope);
        let value = field.default.as_ref();
        let value = value.and_then(|value| defaults.expression(&field.ty, value));
        quote!(#name: #value)
    }
}

/// The last symbol stands for every index that is left, which `index` has bounded.
fn enumeration(ty: &TokenStream, symbols: &[String], targets: &[usize]) -> TokenStream {
    let variants: Vec<_> = targets
        .iter()
        .map(|t| names::variant_ident(&symbols[*t]))
        .collect();
    let count = number(targets.len());
    let Some((last, others)) = variants.split_last() else {
        return TokenStream::new();
    };
    let indexes = (0..others.len()).map(number);
    quote! {
        Ok(match input.index(#count)? {
            #(#indexes => #ty::#others,)*
            _ => #ty::#last,
        })
    }
}

//! Expressions that read a value.

use proc_macro2::TokenStream;
use quote::quote;

use super::Reading;
use crate::form::Form;
use crate::generate::scope::{fixed_method, method, number};
use crate::model::{Scalar, Union};
use crate::plan::Plan;
use crate::variants::variants;

impl Reading<'_> {
    /// An expression of type `Result<T, DecodeError>`. As the start of a statement it would need
    /// parentheses.
    pub(super) fn result(&self, plan: &Plan) -> TokenStream {
        match plan {
            Plan::Null => quote!(Ok(())),
            Plan::Scalar(written, read) => scalar(*written, *read, self.scope.home.form()),
            Plan::Fixed { fixed, .. } => {
                let method = fixed_method(fixed, self.scope.home.form());
                quote!(input.#method())
            }
            Plan::Def(pair) => {
                let function = self.name(pair);
                quote!(#function(input))
            }
            Plan::Boxed(record) => {
                let record = self.result(record);
                quote!(#record.map(::std::boxed::Box::new))
            }
            Plan::Array { least, item } => {
                let (least, item) = (number(*least), self.callable(item));
                quote!(input.array(#least, #item))
            }
            Plan::Map { least, value } => {
                let (least, value) = (number(*least), self.callable(value));
                let map = self.scope.home.form().method("map");
                quote!(input.#map(#least, #value))
            }
            Plan::Nullable { null, value, .. } => {
                let (null, value) = (number(*null as usize), self.callable(value));
                quote!(input.nullable(#null, #value))
            }
            Plan::Branches { plans, .. } => self.branches(plans),
            Plan::None(_) => quote!(Ok(None)),
            Plan::Some(value) => match &**value {
                Plan::Branch {
                    union,
                    index,
                    value,
                } => self.branch(union, *index, value),
                value => {
                    let value = self.result(value);
                    quote!(#value.map(Some))
                }
            },
            Plan::Branch {
                union,
                index,
                value,
            } => self.branch(union, *index, value),
        }
    }

    /// The last branch stands for every index that is left, which `index` has bounded.
    fn branches(&self, plans: &[Plan]) -> TokenStream {
        let results: Vec<_> = plans.iter().map(|plan| self.result(plan)).collect();
        let count = number(plans.len());
        let Some((last, others)) = results.split_last() else {
            return TokenStream::new();
        };
        let indexes = (0..others.len()).map(number);
        quote! {
            match input.index(#count)? {
                #(#indexes => #others,)*
                _ => #last,
            }
        }
    }

    fn branch(&self, union: &Union, index: usize, value: &Plan) -> TokenStream {
        let name = self.scope.home.union(&union.name).top();
        let value = self.result(value);
        let variants = variants(union).into_iter();
        let variant = variants.filter(|v| v.index == index).map(|v| v.ident());
        match union.null() {
            Some(_) => quote!(#value.map(|value| Some(#name #(::#variant)*(value)))),
            None => quote!(#value.map(#name #(::#variant)*)),
        }
    }

    /// A function of the reader.
    fn callable(&self, plan: &Plan) -> TokenStream {
        match plan {
            Plan::Def(pair) => {
                let function = self.name(pair);
                quote!(#function)
            }
            plan => {
                let result = self.result(plan);
                quote!(|input| #result)
            }
        }
    }
}

/// A logical type that is read as the type beneath it is read as that.
fn scalar(written: Scalar, read: Scalar, form: Form) -> TokenStream {
    let written_method = method(written);
    match (written, read) {
        (Scalar::Int, Scalar::Long) => quote!(input.int().map(i64::from)),
        (Scalar::Int, Scalar::Double) => quote!(input.int().map(f64::from)),
        (Scalar::Float, Scalar::Double) => quote!(input.float().map(f64::from)),
        (Scalar::Int | Scalar::Long, Scalar::Float) => {
            quote!(input.#written_method().map(|n| n as f32))
        }
        (Scalar::Long, Scalar::Double) => quote!(input.long().map(|n| n as f64)),
        (_, Scalar::String | Scalar::Bytes) => {
            let method = form.method(read.label());
            quote!(input.#method())
        }
        _ => {
            let method = method(read);
            quote!(input.#method())
        }
    }
}

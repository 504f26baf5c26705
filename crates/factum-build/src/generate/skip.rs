//! Statements that pass over a value that has no place any more.

use std::collections::BTreeSet;

use factum_schema::FullName;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::scope::number;
use crate::model::{Body, Scalar, Ty, Version};

/// What is passed over of a version; records that contain themselves need functions.
pub(super) struct Skips<'a> {
    pub version: &'a Version,
    /// The records that need a function, until they have one.
    pub needed: BTreeSet<FullName>,
}

impl<'a> Skips<'a> {
    pub fn new(version: &'a Version) -> Self {
        Self {
            version,
            needed: BTreeSet::new(),
        }
    }

    /// The functions that passing over what was passed over needs.
    pub fn functions(mut self) -> Vec<TokenStream> {
        let (mut functions, mut done) = (Vec::new(), BTreeSet::new());
        while let Some(name) = self.needed.pop_first() {
            if done.insert(name.clone()) {
                let function = self.function(&name);
                let body = self.body(&name);
                functions.push(quote! {
                    fn #function(input: &mut avro::Reader<'_>) -> ::std::result::Result<(), avro::DecodeError> {
                        input.nested(|input| #body)
                    }
                });
            }
        }
        functions
    }

    fn function(&self, name: &FullName) -> Ident {
        let Version { event, version, .. } = self.version;
        format_ident!(
            "skip_{}_of_{event}_{version}",
            name.as_str().replace('.', "__")
        )
    }

    /// An expression of type `Result<(), DecodeError>`.
    pub fn skip(&mut self, ty: &Ty) -> TokenStream {
        match ty {
            Ty::Null => quote!(Ok(())),
            Ty::Scalar(scalar) => self::scalar(*scalar),
            Ty::Fixed(fixed) => bytes(fixed.size),
            Ty::Array(item) => {
                let (least, item) = (self.least(item), self.skip(item));
                quote!(input.skip_array(#least, |input| #item))
            }
            Ty::Map(value) => {
                let (least, value) = (self.least(value), self.skip(value));
                quote!(input.skip_map(#least, |input| #value))
            }
            Ty::Nullable { null, value } => {
                let (null, value) = (number(*null as usize), self.skip(value));
                quote!(input.skip_nullable(#null, |input| #value))
            }
            Ty::Union(union) => {
                let skips: Vec<_> = union
                    .branches
                    .iter()
                    .map(|branch| self.skip(branch))
                    .collect();
                branches(&skips)
            }
            Ty::Record { name, .. } if self.version.def(name).recursive => {
                let function = self.function(name);
                self.needed.insert(name.clone());
                quote!(#function(input))
            }
            Ty::Record { name, .. } | Ty::Enum(name) => self.body(name),
        }
    }

    fn body(&mut self, name: &FullName) -> TokenStream {
        let version = self.version;
        match &version.def(name).body {
            Body::Enum { symbols, .. } => {
                let count = number(symbols.len());
                quote!(input.index(#count).map(|_| ()))
            }
            Body::Record(fields) if fields.is_empty() => quote!(Ok(())),
            Body::Record(fields) => {
                let mut steps = fields.iter().map(|field| self.skip(&field.ty));
                let first = steps.next();
                quote!(#first #(.and_then(|()| #steps))*)
            }
        }
    }

    fn least(&self, ty: &Ty) -> proc_macro2::Literal {
        number(ty.least(&self.version.defs))
    }
}

/// The last arm stands for every index that is left, which `index` has bounded.
fn branches(skips: &[TokenStream]) -> TokenStream {
    let Some((last, others)) = skips.split_last() else {
        return quote!(Ok(()));
    };
    let (count, indexes) = (number(skips.len()), (0..others.len()).map(number));
    quote!(input.index(#count).and_then(|branch| match branch { #(#indexes => #others,)* _ => #last }))
}

fn scalar(scalar: Scalar) -> TokenStream {
    match scalar.plain() {
        Scalar::Boolean => quote!(input.boolean().map(|_| ())),
        Scalar::Int => quote!(input.int().map(|_| ())),
        Scalar::Float => bytes(4),
        Scalar::Double => bytes(8),
        Scalar::Bytes | Scalar::String => quote!(input.slice().map(|_| ())),
        _ => quote!(input.long().map(|_| ())),
    }
}

fn bytes(count: usize) -> TokenStream {
    let count = number(count);
    quote!(input.skip(#count))
}

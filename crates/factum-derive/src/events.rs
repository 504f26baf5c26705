//! The code that `#[derive(Events)]` writes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Fields, Ident, Result, Type, Variant};

use crate::home::home;

pub(crate) fn implementation(input: &DeriveInput) -> Result<TokenStream> {
    let variants = variants(input)?;
    let (home, name) = (home(), &input.ident);
    let aggregates = variants
        .iter()
        .map(|(_, ty)| quote!(<#ty as #home::derive::Event>::AGGREGATE));
    let readings = variants
        .iter()
        .map(|(_, ty)| quote!(<#ty as #home::derive::Event>::READINGS));
    let sources = variants
        .iter()
        .enumerate()
        .map(|(index, (variant, _))| quote!(Self::#variant(_) => #index));
    let names = variants.iter().map(
        |(variant, ty)| quote!(Self::#variant(event) => <#ty as #home::derive::Event>::name(event)),
    );
    let decoded = variants.iter().enumerate().map(|(index, (variant, ty))| {
        quote!(#index => <#ty as #home::derive::Event>::decode(value).map(Self::#variant))
    });
    Ok(quote! {
        #[automatically_derived]
        impl #home::Events for #name {
            const AGGREGATES: &'static [&'static str] = &[#(#aggregates),*];
            const READINGS: &'static [&'static [&'static str]] = &[#(#readings),*];

            fn source(&self) -> usize {
                match self { #(#sources),* }
            }

            fn event_name(&self) -> &'static str {
                match self { #(#names),* }
            }

            fn decode_from(
                source: usize,
                value: &[u8],
            ) -> ::core::result::Result<Self, #home::derive::DecodeError> {
                match source {
                    #(#decoded,)*
                    _ => ::core::panic!("there is no aggregate {source}"),
                }
            }
        }

        const _: () = ::core::assert!(
            #home::derive::are_distinct(<#name as #home::Events>::AGGREGATES),
            "two variants hold events of the same aggregate",
        );
    })
}

/// The variants, each with the events that it holds.
fn variants(input: &DeriveInput) -> Result<Vec<(&Ident, &Type)>> {
    if !input.generics.params.is_empty() {
        let message = "events have no type parameters: their aggregates must be known";
        return Err(Error::new(input.generics.span(), message));
    }
    let Data::Enum(data) = &input.data else {
        let message = "events of several aggregates are an enum, with a variant for each";
        return Err(Error::new(input.ident.span(), message));
    };
    if data.variants.is_empty() {
        let message = "an enum of events needs a variant for each aggregate";
        return Err(Error::new(input.ident.span(), message));
    }
    data.variants.iter().map(held).collect()
}

fn held(variant: &Variant) -> Result<(&Ident, &Type)> {
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            Ok((&variant.ident, &fields.unnamed[0].ty))
        }
        _ => Err(Error::new(
            variant.span(),
            "a variant holds the events of one aggregate, as in `Order(OrderEvent)`",
        )),
    }
}

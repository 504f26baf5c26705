//! Where the traits are.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Ident;

/// The crate that the traits live in, as the user's crate names it.
pub(crate) fn home() -> TokenStream {
    let path = |found: FoundCrate, own: &str| {
        let name = match found {
            FoundCrate::Itself => own.to_owned(),
            FoundCrate::Name(name) => name,
        };
        let name = Ident::new(&name, Span::call_site());
        quote!(::#name)
    };
    if let Ok(found) = crate_name("factum") {
        let facade = path(found, "factum");
        return quote!(#facade::__projector);
    }
    match crate_name("factum-projector") {
        Ok(found) => path(found, "factum_projector"),
        Err(_) => quote!(::factum::__projector),
    }
}

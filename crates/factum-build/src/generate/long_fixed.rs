//! Serde for fixeds of more bytes than serde has implementations of arrays for.

use proc_macro2::TokenStream;
use quote::quote;

use super::scope::Scope;
use crate::model::Ty;

const MOST_BYTES: usize = 32;

impl Scope<'_> {
    /// What serde has to be told of a field or a branch of the type `ty`, if derives are asked for.
    pub fn with(&self, ty: &Ty) -> Option<TokenStream> {
        if !self.serde || !holds_long(ty) {
            return None;
        }
        let facade = self.facade.to_string().replace(' ', "");
        let module = format!("{facade}::schema::serde_fixed");
        // A field that is left out is null, as serde has it for every other `Option`.
        let default = matches!(ty, Ty::Nullable { .. }).then(|| quote!(default,));
        Some(quote!(#[serde(#default with = #module)]))
    }
}

/// Whether there is one in the type, not counting named types and unions: those have derives of their own.
fn holds_long(ty: &Ty) -> bool {
    match ty {
        Ty::Fixed(fixed) => fixed.logical.is_none() && fixed.size > MOST_BYTES,
        Ty::Union(_) => false,
        ty => ty.inner().iter().any(holds_long),
    }
}

//! The variants of the enum for a union.

use std::collections::BTreeMap;

use proc_macro2::Ident;

use crate::model::{Ty, Union};
use crate::names;

/// A branch other than null.
pub(crate) struct Variant<'a> {
    /// Its index in the union.
    pub index: usize,
    pub name: String,
    pub ty: &'a Ty,
}

impl Variant<'_> {
    pub fn ident(&self) -> Ident {
        names::ident(self.name.clone())
    }
}

/// A variant for each branch but null, named by its type: `Long`, `TimestampMicros`, `Array`, and a
/// named type as it is called; with its namespace where the name alone would stand there twice.
pub(crate) fn variants(union: &Union) -> Vec<Variant<'_>> {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for ty in &union.branches {
        *times.entry(short(ty)).or_default() += 1;
    }
    let branches = union.branches.iter().enumerate();
    let variants = branches.filter(|(_, ty)| **ty != Ty::Null);
    variants
        .map(|(index, ty)| {
            let short = short(ty);
            let name = if times[&short] > 1 { full(ty) } else { short };
            Variant { index, name, ty }
        })
        .collect()
}

fn short(ty: &Ty) -> String {
    match ty {
        Ty::Scalar(scalar) => names::camel_case(&scalar.label().replace('-', "_")),
        Ty::Array(_) => "Array".to_owned(),
        Ty::Map(_) => "Map".to_owned(),
        Ty::Fixed(fixed) => names::type_name(fixed.name.short()),
        Ty::Record { name, .. } | Ty::Enum(name) => names::type_name(name.short()),
        // A union holds no other union.
        Ty::Null | Ty::Nullable { .. } | Ty::Union(_) => String::new(),
    }
}

fn full(ty: &Ty) -> String {
    match ty {
        Ty::Fixed(fixed) => names::camel_case(&fixed.name.as_str().replace('.', "_")),
        Ty::Record { name, .. } | Ty::Enum(name) => {
            names::camel_case(&name.as_str().replace('.', "_"))
        }
        ty => short(ty),
    }
}

//! Where the types of an aggregate stand in its generated file.
//!
//! Those of the aggregate's own namespace stand at the top, all others in modules after their
//! namespace, from the aggregate's own on: for `bank.loan`, `bank.loan.parts.Term` is `parts::Term`
//! and `bank.Money` is `bank::Money`.

use factum_schema::FullName;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::model::UnionName;
use crate::names;

/// A type's place: its modules, from the top of the file on, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub modules: Vec<String>,
    pub name: String,
}

/// The aggregate type whose file it is: `bank.loan`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home<'a>(pub &'a str);

impl Home<'_> {
    pub fn place(self, name: &FullName) -> Place {
        Place {
            modules: self.modules(name.namespace()),
            name: names::type_name(name.short()),
        }
    }

    /// `Payment` in the record `Order` is `OrderPayment`.
    pub fn union(self, name: &UnionName) -> Place {
        let record = self.place(&name.record);
        Place {
            name: record.name + &name.suffix,
            modules: record.modules,
        }
    }

    fn modules(self, namespace: &str) -> Vec<String> {
        let below = match namespace.strip_prefix(self.0) {
            Some("") => "",
            Some(rest) => rest.strip_prefix('.').unwrap_or(namespace),
            None => namespace,
        };
        let parts = below.split('.').filter(|part| !part.is_empty());
        parts.map(names::snake_case).collect()
    }
}

impl Place {
    pub fn ident(&self) -> Ident {
        names::ident(self.name.clone())
    }

    /// The path to the type from within these modules.
    pub fn path(&self, from: &[String]) -> TokenStream {
        let name = self.ident();
        if self.modules == from {
            return quote!(#name);
        }
        let up = from.iter().map(|_| quote!(super::));
        let down = self.modules.iter().map(|module| {
            let module = names::ident(module.clone());
            quote!(#module::)
        });
        quote!(#(#up)* #(#down)* #name)
    }

    /// The path to the type from the top of the file.
    pub fn top(&self) -> TokenStream {
        self.path(&[])
    }

    /// The name of a function for the type: `write_parts__Term`.
    pub fn function(&self, verb: &str) -> Ident {
        let Self { modules, name } = self;
        let path: String = modules.iter().map(|module| format!("{module}__")).collect();
        format_ident!("{verb}_{path}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_modules_from_the_aggregates_own_on() {
        let modules = |namespace| Home("bank.loan").modules(namespace).join("::");
        assert_eq!(modules("bank.loan"), "");
        assert_eq!(modules(""), "");
        assert_eq!(modules("bank.loan.parts"), "parts");
        assert_eq!(modules("bank.loans"), "bank::loans");
        assert_eq!(modules("bank"), "bank");
        assert_eq!(modules("otherBank.work"), "other_bank::work");
    }

    #[test]
    fn paths_go_through_the_top() {
        let place = |modules: &[&str]| Place {
            modules: modules.iter().map(ToString::to_string).collect(),
            name: "Money".to_owned(),
        };
        let path = |place: Place, from: &[&str]| {
            let from: Vec<_> = from.iter().map(ToString::to_string).collect();
            place.path(&from).to_string().replace(' ', "")
        };
        assert_eq!(path(place(&[]), &[]), "Money");
        assert_eq!(path(place(&["a", "b"]), &[]), "a::b::Money");
        assert_eq!(path(place(&[]), &["a", "b"]), "super::super::Money");
        assert_eq!(path(place(&["a"]), &["a"]), "Money");
        assert_eq!(path(place(&["a"]), &["a", "b"]), "super::super::a::Money");
    }
}

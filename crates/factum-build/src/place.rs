//! Where the types of an aggregate stand in its generated file.
//!
//! Those of the aggregate's own namespace stand at the top, all others in modules after their
//! namespace, from the aggregate's own on: for `bank.loan`, `bank.loan.parts.Term` is `parts::Term`
//! and `bank.Money` is `bank::Money`.

use factum_schema::FullName;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::borrowing::Borrowing;
use crate::form::Form;
use crate::model::{Scalar, Ty, UnionName};
use crate::names;

/// A type's place: its modules, from the top of the file on, and its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub modules: Vec<String>,
    pub name: String,
    /// Whether it is the type's borrowed form, which has a lifetime.
    pub borrowed: bool,
}

/// Whose file it is, and in which form its types are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home<'a> {
    /// The aggregate type: `bank.loan`.
    pub aggregate: &'a str,
    /// The types that are meant in their borrowed form.
    borrowing: Option<&'a Borrowing>,
}

impl<'a> Home<'a> {
    /// The types own what they hold.
    pub fn owned(aggregate: &'a str) -> Self {
        Self {
            aggregate,
            borrowing: None,
        }
    }

    /// The types borrow what they can.
    pub fn borrowed(self, borrowing: &'a Borrowing) -> Self {
        Self {
            borrowing: Some(borrowing),
            ..self
        }
    }

    pub fn form(self) -> Form {
        match self.borrowing {
            None => Form::Owned,
            Some(_) => Form::Borrowed,
        }
    }

    pub fn place(self, name: &FullName) -> Place {
        self.formed(Place {
            modules: self.modules(name.namespace()),
            name: names::type_name(name.short()),
            borrowed: false,
        })
    }

    /// `Payment` in the record `Order` is `OrderPayment`.
    pub fn union(self, name: &UnionName) -> Place {
        let record = names::type_name(name.record.short());
        self.formed(Place {
            modules: self.modules(name.record.namespace()),
            name: record + &name.suffix,
            borrowed: false,
        })
    }

    /// The enum over all events: `LoanEvent` for `bank.loan`.
    pub fn event_enum(self) -> Place {
        let aggregate = self.aggregate.rsplit('.').next().unwrap_or_default();
        self.formed(Place {
            modules: Vec::new(),
            name: format!("{}Event", names::type_name(aggregate)),
            borrowed: false,
        })
    }

    /// The place in the form that is meant here.
    pub fn formed(self, place: Place) -> Place {
        match self.borrowing {
            Some(borrowing) if borrowing.has(&place) => place.borrowed(),
            _ => place,
        }
    }

    /// Whether the type is another one in its borrowed form, and that form is meant.
    pub fn borrows(self, ty: &Ty) -> bool {
        let some = match ty {
            Ty::Scalar(Scalar::String | Scalar::Bytes) | Ty::Map(_) => true,
            Ty::Fixed(fixed) => fixed.logical.is_none(),
            Ty::Record { name, .. } => self.place(name).borrowed,
            ty => ty.inner().iter().any(|inner| self.borrows(inner)),
        };
        some && self.form() == Form::Borrowed
    }

    fn modules(self, namespace: &str) -> Vec<String> {
        let below = match namespace.strip_prefix(self.aggregate) {
            Some("") => "",
            Some(rest) => rest.strip_prefix('.').unwrap_or(namespace),
            None => namespace,
        };
        let parts = below.split('.').filter(|part| !part.is_empty());
        parts.map(names::snake_case).collect()
    }
}

impl Place {
    /// The type's borrowed form: `SubmittedRef` for `Submitted`.
    pub fn borrowed(self) -> Self {
        Self {
            name: self.name + "Ref",
            borrowed: true,
            ..self
        }
    }

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

    /// The lifetime behind the type's name, if it has one.
    pub fn lifetime(&self) -> Option<TokenStream> {
        self.borrowed.then(|| quote!(<'a>))
    }

    /// The type as it is called within these modules.
    pub fn rust_type(&self, from: &[String]) -> TokenStream {
        let (path, lifetime) = (self.path(from), self.lifetime());
        quote!(#path #lifetime)
    }

    /// The path to the type from the top of the file.
    pub fn top(&self) -> TokenStream {
        self.path(&[])
    }

    /// The name of a function for the type: `write_parts__Term`.
    pub fn function(&self, verb: &str) -> Ident {
        let Self { modules, name, .. } = self;
        let path: String = modules.iter().map(|module| format!("{module}__")).collect();
        format_ident!("{verb}_{path}{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_modules_from_the_aggregates_own_on() {
        let modules = |namespace| Home::owned("bank.loan").modules(namespace).join("::");
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
            borrowed: false,
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

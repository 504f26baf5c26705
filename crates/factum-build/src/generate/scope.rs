//! What every part of the generated file has to know.

use proc_macro2::TokenStream;
use quote::quote;

use crate::borrowing::Borrowing;
use crate::form::Form;
use crate::model::{Fixed, FixedLogical, Scalar, Ty};
use crate::place::{Home, Place};

/// Whose file it is, and how its code is to be.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub home: Home<'a>,
    /// The path of the crate `factum`.
    pub facade: &'a TokenStream,
    /// Whether types get serde's derives.
    pub serde: bool,
}

impl<'a> Scope<'a> {
    /// The same in the borrowed form, which is only read: it has no use for serde's derives.
    pub fn borrowed(self, borrowing: &'a Borrowing) -> Self {
        Self {
            home: self.home.borrowed(borrowing),
            serde: false,
            ..self
        }
    }

    /// Whether the type at that place is generated in this scope: those without a borrowed form are
    /// generated among the owned ones.
    pub fn has(&self, place: &Place) -> bool {
        place.borrowed == (self.home.form() == Form::Borrowed)
    }

    /// The Rust type for an Avro type, as it is called within the modules `from`.
    pub fn rust_type(&self, ty: &Ty, from: &[String]) -> TokenStream {
        match ty {
            Ty::Null => quote!(()),
            Ty::Scalar(scalar) => self.scalar(*scalar),
            Ty::Fixed(fixed) => self.fixed(fixed),
            Ty::Array(item) => {
                let item = self.rust_type(item, from);
                quote!(::std::vec::Vec<#item>)
            }
            Ty::Map(value) => {
                let (key, value) = (self.home.form().text(), self.rust_type(value, from));
                quote!(::std::collections::BTreeMap<#key, #value>)
            }
            Ty::Nullable { value, .. } => {
                let value = self.rust_type(value, from);
                quote!(::std::option::Option<#value>)
            }
            Ty::Union(union) => {
                let name = self.home.union(&union.name).rust_type(from);
                match union.null() {
                    Some(_) => quote!(::std::option::Option<#name>),
                    None => name,
                }
            }
            Ty::Record { name, boxed } => {
                let name = self.home.place(name).rust_type(from);
                if *boxed {
                    quote!(::std::boxed::Box<#name>)
                } else {
                    name
                }
            }
            Ty::Enum(name) => self.home.place(name).rust_type(from),
        }
    }

    fn scalar(&self, scalar: Scalar) -> TokenStream {
        let facade = self.facade;
        match scalar {
            Scalar::Boolean => quote!(bool),
            Scalar::Int => quote!(i32),
            Scalar::Long => quote!(i64),
            Scalar::Float => quote!(f32),
            Scalar::Double => quote!(f64),
            Scalar::Bytes => self.home.form().bytes(),
            Scalar::String => self.home.form().text(),
            Scalar::Decimal(digits) => self.decimal(digits),
            Scalar::BigDecimal => quote!(#facade::schema::BigDecimal),
            Scalar::Uuid => quote!(#facade::uuid::Uuid),
            Scalar::Date => quote!(#facade::jiff::civil::Date),
            Scalar::TimeMillis | Scalar::TimeMicros => quote!(#facade::jiff::civil::Time),
            Scalar::TimestampMillis | Scalar::TimestampMicros | Scalar::TimestampNanos => {
                quote!(#facade::jiff::Timestamp)
            }
            Scalar::LocalTimestampMillis
            | Scalar::LocalTimestampMicros
            | Scalar::LocalTimestampNanos => quote!(#facade::jiff::civil::DateTime),
        }
    }

    fn fixed(&self, fixed: &Fixed) -> TokenStream {
        let facade = self.facade;
        match fixed.logical {
            None => self.home.form().fixed(fixed.size),
            Some(FixedLogical::Decimal(digits)) => self.decimal(digits),
            Some(FixedLogical::Uuid) => quote!(#facade::uuid::Uuid),
            Some(FixedLogical::Duration) => quote!(#facade::schema::Duration),
        }
    }

    fn decimal(&self, digits: factum_schema::Digits) -> TokenStream {
        let (facade, precision) = (self.facade, number(digits.precision as usize));
        let scale = number(digits.scale as usize);
        quote!(#facade::schema::Decimal<#precision, #scale>)
    }
}

/// A number without its type behind it.
pub(super) fn number(number: usize) -> proc_macro2::Literal {
    proc_macro2::Literal::usize_unsuffixed(number)
}

/// The runtime's name for what reads and writes a scalar.
pub(super) fn method(scalar: Scalar) -> proc_macro2::Ident {
    quote::format_ident!("{}", scalar.label().replace('-', "_"))
}

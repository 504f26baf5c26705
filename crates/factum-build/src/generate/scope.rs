//! What every part of the generated file has to know.

use factum_schema::{Digits, LogicalType};
use proc_macro2::TokenStream;
use quote::quote;

use crate::borrowing::Borrowing;
use crate::form::Form;
use crate::model::{Fixed, Scalar, Ty};
use crate::place::{Home, Place};
use crate::types::{Decimals, Types};

/// Whose file it is, and how its code is to be.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub home: Home<'a>,
    /// The path of the crate `factum`.
    pub facade: &'a TokenStream,
    /// Whether types get serde's derives.
    pub serde: bool,
    /// Whose types logical types become.
    pub types: Types,
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
        match scalar {
            Scalar::Boolean => quote!(bool),
            Scalar::Int => quote!(i32),
            Scalar::Long => quote!(i64),
            Scalar::Float => quote!(f32),
            Scalar::Double => quote!(f64),
            Scalar::Bytes => self.home.form().bytes(),
            Scalar::String => self.home.form().text(),
            Scalar::Logical(logical) => self.logical(logical),
        }
    }

    fn fixed(&self, fixed: &Fixed) -> TokenStream {
        match fixed.logical {
            None => self.home.form().fixed(fixed.size),
            Some(logical) => self.logical(logical),
        }
    }

    fn logical(&self, logical: LogicalType) -> TokenStream {
        use LogicalType as L;
        let facade = self.facade;
        match logical {
            L::Decimal(digits) => self.decimal(digits),
            L::BigDecimal => quote!(#facade::schema::BigDecimal),
            L::Uuid => quote!(#facade::uuid::Uuid),
            L::Duration => quote!(#facade::schema::Duration),
            time => self.types.times.rust_type(time, facade),
        }
    }

    fn decimal(&self, digits: Digits) -> TokenStream {
        let (facade, digits) = (self.facade, digit_parameters(digits));
        match self.types.decimals {
            Decimals::Factum => quote!(#facade::schema::Decimal<#digits>),
            Decimals::RustDecimal => quote!(#facade::rust_decimal::Decimal),
        }
    }
}

/// A number without its type behind it.
pub(super) fn number(number: usize) -> proc_macro2::Literal {
    proc_macro2::Literal::usize_unsuffixed(number)
}

/// The runtime's name for what reads and writes a scalar.
pub(super) fn method(scalar: Scalar) -> TokenStream {
    let name = quote::format_ident!("{}", scalar.label().replace('-', "_"));
    match scalar {
        Scalar::Logical(LogicalType::Decimal(digits)) => {
            let digits = digit_parameters(digits);
            quote!(#name::<#digits, _>)
        }
        _ => quote!(#name),
    }
}

/// The same for a fixed.
pub(super) fn fixed_method(fixed: &Fixed, form: Form) -> TokenStream {
    match fixed.logical {
        Some(LogicalType::Decimal(digits)) => {
            let (size, digits) = (number(fixed.size), digit_parameters(digits));
            quote!(decimal_fixed::<#size, #digits, _>)
        }
        Some(LogicalType::Uuid) => quote!(uuid_fixed),
        Some(LogicalType::Duration) => quote!(duration),
        _ => {
            let name = form.method("fixed");
            quote!(#name)
        }
    }
}

/// A decimal's digits, as parameters of its type and of what reads and writes it.
pub(crate) fn digit_parameters(digits: Digits) -> TokenStream {
    let (precision, scale) = (
        number(digits.precision as usize),
        number(digits.scale as usize),
    );
    quote!(#precision, #scale)
}

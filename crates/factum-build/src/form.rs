//! How generated code holds text and bytes: as its own, or borrowed from the bytes that it reads.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    Owned,
    /// For the lifetime `'a`.
    Borrowed,
}

impl Form {
    /// The type of a text.
    pub fn text(self) -> TokenStream {
        match self {
            Self::Owned => quote!(::std::string::String),
            Self::Borrowed => quote!(&'a str),
        }
    }

    /// The type of bytes.
    pub fn bytes(self) -> TokenStream {
        match self {
            Self::Owned => quote!(::std::vec::Vec<u8>),
            Self::Borrowed => quote!(&'a [u8]),
        }
    }

    /// The type of a fixed without a logical type.
    pub fn fixed(self, size: usize) -> TokenStream {
        let size = Literal::usize_unsuffixed(size);
        match self {
            Self::Owned => quote!([u8; #size]),
            Self::Borrowed => quote!(&'a [u8; #size]),
        }
    }

    /// A text that is known when the code is generated.
    pub fn text_literal(self, text: &str) -> TokenStream {
        match self {
            Self::Owned => quote!(::std::string::String::from(#text)),
            Self::Borrowed => quote!(#text),
        }
    }

    /// Bytes that are known when the code is generated.
    pub fn bytes_literal(self, bytes: &[u8]) -> TokenStream {
        match self {
            Self::Owned => quote!(::std::vec::Vec::from([#(#bytes),*])),
            Self::Borrowed => {
                let bytes = Literal::byte_string(bytes);
                quote!(#bytes.as_slice())
            }
        }
    }

    /// A fixed that is known when the code is generated.
    pub fn fixed_literal(self, bytes: &[u8]) -> TokenStream {
        match self {
            Self::Owned => quote!([#(#bytes),*]),
            Self::Borrowed => {
                let bytes = Literal::byte_string(bytes);
                quote!(#bytes)
            }
        }
    }

    /// The reader's method for what `owned` reads into a value of its own.
    pub fn method(self, owned: &str) -> Ident {
        let name = match (self, owned) {
            (Self::Borrowed, "string") => "str",
            (Self::Borrowed, "bytes") => "slice",
            (Self::Borrowed, "fixed") => "fixed_ref",
            (Self::Borrowed, "map") => "map_ref",
            (_, name) => name,
        };
        format_ident!("{name}")
    }
}

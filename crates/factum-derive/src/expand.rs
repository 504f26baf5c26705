//! The code that `#[derive(Row)]` writes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Index;

use crate::home::home;
use crate::input::{ColumnInput, RowInput};

pub(crate) fn implementation(row: &RowInput<'_>) -> TokenStream {
    let home = home();
    let (name, table) = (row.name, &row.table);
    let columns = row.columns.iter().map(|column| describe(&home, column));
    let keys: Vec<_> = row.keys().collect();
    let (key_type, key) = key(&home, &keys);
    let has_key = has_key(&keys);
    let read = row.columns.iter().enumerate().map(|(index, column)| {
        let field = column.field;
        quote!(#field: row.try_get(#index)?)
    });
    let values = row.columns.iter().enumerate().map(|(index, column)| {
        let field = column.field;
        quote!(#index => &self.#field)
    });
    let arrays = key_arrays(&keys);
    let keyed = (!keys.is_empty()).then(|| {
        quote! {
            #[automatically_derived]
            impl #home::KeyedRow for #name {}
        }
    });
    quote! {
        #keyed

        #[automatically_derived]
        impl #home::Row for #name {
            type Key = #key_type;
            const TABLE: &'static str = #table;
            const NAME: &'static str = ::core::stringify!(#name);
            const COLUMNS: &'static [#home::Column] = &[#(#columns),*];

            fn key(&self) -> Self::Key {
                #key
            }

            fn has_key(&self, key: &Self::Key) -> bool {
                let _ = key;
                #has_key
            }

            fn read(
                row: &#home::tokio_postgres::Row,
            ) -> ::core::result::Result<Self, #home::tokio_postgres::Error> {
                ::core::result::Result::Ok(Self { #(#read),* })
            }

            fn value(
                &self,
                column: usize,
            ) -> &(dyn #home::tokio_postgres::types::ToSql + ::core::marker::Sync) {
                match column {
                    #(#values,)*
                    _ => ::core::panic!("{} has no column {column}", Self::NAME),
                }
            }

            fn key_arrays<'a>(keys: &[&'a Self::Key]) -> ::std::vec::Vec<#home::KeyArray<'a>> {
                let _ = keys;
                #arrays
            }
        }
    }
}

fn describe(home: &TokenStream, column: &ColumnInput<'_>) -> TokenStream {
    let (ty, name) = (column.ty, &column.column);
    let rust = quote!(#ty).to_string().replace(' ', "");
    let described = quote!(#home::Column::new::<#ty>(#name, #rust));
    match (column.key, column.nullable) {
        (true, _) => quote!(#described.key()),
        (false, true) => quote!(#described.nullable()),
        (false, false) => described,
    }
}

/// The type of the key, and how a row tells its own.
fn key(home: &TokenStream, keys: &[&ColumnInput<'_>]) -> (TokenStream, TokenStream) {
    if keys.is_empty() {
        return (quote!(#home::NoKey), quote!(#home::NoKey));
    }
    let types = keys.iter().map(|key| key.ty);
    let clones = keys.iter().map(|key| {
        let field = key.field;
        quote!(::core::clone::Clone::clone(&self.#field))
    });
    if keys.len() == 1 {
        (quote!(#(#types)*), quote!(#(#clones)*))
    } else {
        (quote!((#(#types),*)), quote!((#(#clones),*)))
    }
}

/// Whether a row has a key. Rows without one have all the same.
fn has_key(keys: &[&ColumnInput<'_>]) -> TokenStream {
    let equal = keys.iter().enumerate().map(|(index, key)| {
        let (field, index) = (key.field, Index::from(index));
        match keys.len() {
            1 => quote!(self.#field == *key),
            _ => quote!(self.#field == key.#index),
        }
    });
    match keys.is_empty() {
        true => quote!(true),
        false => quote!(#(#equal)&&*),
    }
}

/// One array of values for each key column.
fn key_arrays(keys: &[&ColumnInput<'_>]) -> TokenStream {
    let arrays = keys.iter().enumerate().map(|(index, key)| {
        let ty = key.ty;
        let part = if keys.len() == 1 {
            quote!(*key)
        } else {
            let index = Index::from(index);
            quote!(&key.#index)
        };
        quote! {
            ::std::boxed::Box::new(
                keys.iter().map(|key| #part).collect::<::std::vec::Vec<&'a #ty>>()
            )
        }
    });
    quote!(::std::vec![#(#arrays),*])
}

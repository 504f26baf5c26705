//! Derive macros of Factum. Applications use them through the crate `factum`.

mod expand;
mod input;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Ties a struct to a table: one struct is one row, one field one column.
///
/// ```
/// use factum_projector::Row; // an application: factum::Row
///
/// #[derive(Row)]
/// #[row(table = "loan_board")]
/// struct LoanRow {
///     #[row(key)]
///     case_id: String,
///     amount: i64,
///     #[row(column = "declined_at")]
///     declined: Option<jiff::Timestamp>,
/// }
/// ```
///
/// - `#[row(table = "…")]` names the table, `"schema.table"` where it is not on the search path.
/// - `#[row(key)]` marks the key; several fields make a key of several columns, and
///   `Row::Key` a tuple in the order of the fields. The table needs a primary key or unique index on
///   just these columns. Rows that are folded need a key (`KeyedRow`), those that are appended do not.
/// - `#[row(column = "…")]` names a column that is not called like its field.
/// - A field of type `Option<…>` is a nullable column; every other column is `NOT NULL`.
///
/// A field's type is anything that Postgres' driver reads and writes (`ToSql`, `FromSql`): strings,
/// integers, floats, booleans, `jiff` times and dates, `uuid`, `serde_json` values, vectors of these.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    input::RowInput::parse(&input)
        .map(|row| expand::implementation(&row))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

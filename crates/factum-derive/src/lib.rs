//! Derive macros of Factum. Applications use them through the crate `factum`.

mod events;
mod expand;
mod home;
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
/// A field's type is anything that Postgres' driver reads and writes (`ToSql`, `FromSql`):
///
/// | column | field |
/// |---|---|
/// | `text`, `varchar` | `String` |
/// | `smallint`, `integer`, `bigint` | `i16`, `i32`, `i64` |
/// | `real`, `double precision` | `f32`, `f64` |
/// | `boolean` | `bool` |
/// | `numeric` | `rust_decimal::Decimal` (factum's feature `decimal`), up to 28 digits |
/// | `timestamptz`, `timestamp`, `date`, `time` | `jiff::Timestamp`, `jiff::civil::{DateTime, Date, Time}`, in microseconds |
/// | `uuid` | `uuid::Uuid` |
/// | `jsonb`, `json` | `serde_json::Value` |
/// | `bytea` | `Vec<u8>` |
/// | an enum | an enum with `#[derive(ToSql, FromSql)]` of the crate `postgres-types` 0.2, feature `derive` |
/// | an array of these | `Vec<…>`, `Vec<Option<…>>` |
///
/// What may be part of a key is also `Clone`, `Debug`, `Eq`, `Hash` and `Ord`: all but floats, JSON and arrays.
#[proc_macro_derive(Row, attributes(row))]
pub fn derive_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    input::RowInput::parse(&input)
        .map(|row| expand::implementation(&row))
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes an enum of the events of several aggregates, for a projection of all of them.
///
/// Each variant holds the events of one aggregate, and is called as one likes:
///
/// ```ignore
/// #[derive(factum::Events)]
/// enum CustomerEvent {
///     Order(OrderEvent),
///     Payment(PaymentEvent),
/// }
/// ```
///
/// Which topics the projection reads follows from that. A variant that is added makes other rows of other events:
/// raise the projection's `VERSION` with it. The order of the variants may change at any time.
#[proc_macro_derive(Events)]
pub fn derive_events(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    events::implementation(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

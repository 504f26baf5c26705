//! A row of a read model: a struct and its table.

use std::fmt::Debug;
use std::hash::Hash;

use tokio_postgres::types::{FromSql, ToSql, Type};

/// A row of a read model's table. Write it with `#[derive(Row)]`.
pub trait Row: Sized + Send + Sync + 'static {
    /// The key: the key field's type, or a tuple of them in the order of the fields; [`NoKey`] where
    /// there is none.
    type Key: Clone + Debug + Eq + Hash + Ord + Send + Sync + 'static;

    /// The table, `name` or `schema.name`.
    const TABLE: &'static str;
    /// The struct's name, for messages.
    const NAME: &'static str;
    /// The columns, in the order of the fields.
    const COLUMNS: &'static [Column];

    /// The row's key.
    fn key(&self) -> Self::Key;

    /// Whether this is the row's key: what [`Row::key`] returns, without a copy of it.
    fn has_key(&self, key: &Self::Key) -> bool {
        self.key() == *key
    }

    /// Reads a row of which every column was selected, in order.
    ///
    /// # Errors
    /// A value does not fit its field.
    fn read(row: &tokio_postgres::Row) -> Result<Self, tokio_postgres::Error>;

    /// The value of the column at an index of [`Row::COLUMNS`].
    ///
    /// # Panics
    /// There is no such column.
    fn value(&self, column: usize) -> &(dyn ToSql + Sync);

    /// Keys as arrays, one for each key column, for `unnest`.
    fn key_arrays<'a>(keys: &[&'a Self::Key]) -> Vec<KeyArray<'a>>;
}

/// A row that can be found by its key. `#[derive(Row)]` implements it where a field is marked as key.
///
/// Rows without one can only be appended:
///
/// ```compile_fail,E0277
/// # use factum_projector::{KeyedRow, Row};
/// #[derive(Row)]
/// #[row(table = "journal")]
/// struct Line { text: String }
///
/// fn found<R: KeyedRow>() {}
/// found::<Line>();
/// ```
#[diagnostic::on_unimplemented(
    message = "the row `{Self}` has no key to be found by",
    note = "mark the fields that make it with #[row(key)]"
)]
pub trait KeyedRow: Row {}

/// The key of rows that have none, and are never looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NoKey;

/// The values of one key column of many rows, as a Postgres array.
pub type KeyArray<'a> = Box<dyn ToSql + Send + Sync + 'a>;

/// A column, as its field describes it.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    name: &'static str,
    rust: &'static str,
    key: bool,
    nullable: bool,
    accepts: fn(&Type) -> bool,
}

impl Column {
    /// The `NOT NULL` column `name`, held in a field of type `T`, which is written `rust`.
    pub const fn new<T: ToSql + for<'a> FromSql<'a>>(
        name: &'static str,
        rust: &'static str,
    ) -> Self {
        Self {
            name,
            rust,
            key: false,
            nullable: false,
            accepts: |ty| <T as ToSql>::accepts(ty) && <T as FromSql>::accepts(ty),
        }
    }

    /// The column as part of the key.
    pub const fn key(self) -> Self {
        Self { key: true, ..self }
    }

    /// The column with nulls allowed.
    pub const fn nullable(self) -> Self {
        Self {
            nullable: true,
            ..self
        }
    }

    /// The column's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The field's type as it is written.
    pub const fn rust_type(&self) -> &'static str {
        self.rust
    }

    /// Whether it is part of the key.
    pub const fn is_key(&self) -> bool {
        self.key
    }

    /// Whether it may be null.
    pub const fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// Whether the field can hold and write every value of a Postgres type.
    pub fn accepts(&self, ty: &Type) -> bool {
        (self.accepts)(ty)
    }
}

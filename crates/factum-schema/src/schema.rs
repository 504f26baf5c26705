//! A parsed schema: a type, and the named types that it defines.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// A schema: its outermost type, and every record, enum and fixed that it defines.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(crate) root: Type,
    pub(crate) names: BTreeMap<FullName, Named>,
}

impl Schema {
    /// The outermost type.
    pub fn root(&self) -> &Type {
        &self.root
    }

    /// The named type that the schema defines under `name`.
    pub fn named(&self, name: &FullName) -> Option<&Named> {
        self.names.get(name)
    }

    /// All named types, by name.
    pub fn definitions(&self) -> impl Iterator<Item = &Named> {
        self.names.values()
    }
}

/// A type where it is used.
#[derive(Clone, Debug)]
pub struct Type {
    /// What it is made of.
    pub shape: Shape,
    /// The attribute `logicalType`, as it stands there; what it means is
    /// [`Schema::logical_type`](crate::Schema::logical_type)'s to say.
    pub logical: Option<String>,
    /// The attributes `precision` and `scale`, if they are those of a decimal.
    pub digits: Option<Digits>,
    /// Where it stands in its file, as a JSON pointer; the whole file is the empty pointer.
    pub pointer: String,
}

/// How many digits a decimal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digits {
    /// All digits, at least 1.
    pub precision: u32,
    /// Those behind the point, at most `precision`.
    pub scale: u32,
}

/// What a type is made of.
#[derive(Clone, Debug)]
pub enum Shape {
    /// No value; no bytes.
    Null,
    /// One byte, 0 or 1.
    Boolean,
    /// A zig-zag variable-length integer of 32 bits.
    Int,
    /// A zig-zag variable-length integer of 64 bits.
    Long,
    /// Four bytes, little-endian.
    Float,
    /// Eight bytes, little-endian.
    Double,
    /// A length and as many bytes.
    Bytes,
    /// A length and as many bytes of UTF-8.
    String,
    /// Blocks of items of one type.
    Array(Box<Type>),
    /// Blocks of a string key and a value.
    Map(Box<Type>),
    /// A branch's index, and its value.
    Union(Vec<Type>),
    /// A record, enum or fixed that the schema defines here or elsewhere.
    Named(FullName),
}

impl Shape {
    /// The type's name for messages: `long`, `array`, `bank.loan.Money`.
    pub fn label(&self) -> &str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Named(name) => name.as_str(),
        }
    }
}

/// A record, enum or fixed.
#[derive(Clone, Debug)]
pub struct Named {
    /// Its full name.
    pub name: FullName,
    /// The full names under which older schemas know it.
    pub aliases: Vec<FullName>,
    /// The attribute `doc`.
    pub doc: Option<String>,
    /// The attribute `logicalType`, as it stands there; what it means is
    /// [`Schema::logical_type`](crate::Schema::logical_type)'s to say.
    pub logical: Option<String>,
    /// The attributes `precision` and `scale`, if they are those of a decimal.
    pub digits: Option<Digits>,
    /// Where it is defined in its file, as a JSON pointer.
    pub pointer: String,
    /// What it is made of.
    pub body: Body,
}

/// What a named type is made of.
#[derive(Clone, Debug)]
pub enum Body {
    /// Fields, in the order in which they are written.
    Record(Vec<Field>),
    /// Symbols, written as their index.
    Enum {
        /// The symbols, in order.
        symbols: Vec<String>,
        /// What a reader takes for a symbol that it does not know.
        default: Option<String>,
    },
    /// That many bytes.
    Fixed(usize),
}

/// A field of a record.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The names under which older schemas know it.
    pub aliases: Vec<String>,
    /// The attribute `doc`.
    pub doc: Option<String>,
    /// Its type.
    pub ty: Type,
    /// What a reader takes when the writer had no such field.
    pub default: Option<Value>,
    /// Where it is defined in its file, as a JSON pointer.
    pub pointer: String,
}

/// The name of a record, enum or fixed with its namespace: `bank.loan.Money`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FullName(String);

impl FullName {
    /// `name` as it is written in a schema, inside the namespace `space` (empty for none). A name
    /// with dots is already full.
    pub(crate) fn within(space: &str, name: &str) -> Self {
        if name.contains('.') || space.is_empty() {
            Self(name.to_owned())
        } else {
            Self(format!("{space}.{name}"))
        }
    }

    /// The whole name: `bank.loan.Money`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its namespace: `Money`.
    pub fn short(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(_, name)| name)
    }

    /// The namespace: `bank.loan`; empty if there is none.
    pub fn namespace(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(space, _)| space)
    }
}

impl fmt::Display for FullName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One released version of an event, as generated code carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaVersion {
    /// The event's name: `Submitted`.
    pub event: &'static str,
    /// The version, from 1 on.
    pub version: u32,
    /// The schema's fingerprint, see [`Schema::fingerprint`].
    pub fingerprint: u64,
    /// The schema as it was released.
    pub json: &'static str,
}

//! Schemas as code generation sees them.

use std::collections::BTreeMap;

use factum_schema::{FullName, LogicalType};
use serde_json::Value;

use crate::finding::Finding;

/// One version of an event, with all that is needed to generate code from it.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub event: String,
    pub version: u32,
    /// The file, as messages name it.
    pub file: String,
    /// Where the file lies, for `include_str!`.
    pub path: String,
    /// The schema, if the file alone is not whole.
    pub composed: Option<String>,
    pub fingerprint: u64,
    /// The event's own record.
    pub root: FullName,
    /// The records and enums that the schema defines.
    pub defs: BTreeMap<FullName, Def>,
    /// What is odd in the schema, but allowed.
    pub warnings: Vec<Finding>,
}

impl Version {
    pub fn def(&self, name: &FullName) -> &Def {
        &self.defs[name]
    }
}

/// A record or an enum.
#[derive(Clone, Debug)]
pub(crate) struct Def {
    pub name: FullName,
    pub aliases: Vec<FullName>,
    pub doc: Option<String>,
    pub pointer: String,
    pub body: Body,
    /// Whether it is a record that may contain itself, at any depth.
    pub recursive: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Record(Vec<Field>),
    Enum {
        symbols: Vec<String>,
        default: Option<String>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub name: String,
    pub aliases: Vec<String>,
    pub doc: Option<String>,
    pub ty: Ty,
    pub default: Option<Value>,
    pub pointer: String,
}

/// A type where it is used.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ty {
    Null,
    Scalar(Scalar),
    Fixed(Fixed),
    Array(Box<Ty>),
    Map(Box<Ty>),
    /// A union of null, which is the branch `null` (0 or 1), and one other type.
    Nullable {
        null: u32,
        value: Box<Ty>,
    },
    /// Any other union.
    Union(Union),
    Record {
        name: FullName,
        /// Whether it would contain itself without an array or a map between, so that Rust needs a box.
        boxed: bool,
    },
    Enum(FullName),
}

/// A union that is an enum in Rust; with null among its branches, an `Option` of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Union {
    pub name: UnionName,
    /// In the order of the schema, null included.
    pub branches: Vec<Ty>,
}

/// What a union's enum is called after: the record and the field that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UnionName {
    pub record: FullName,
    /// The field in camel case: `Payment`.
    pub suffix: String,
}

impl Union {
    /// The branch that is null.
    pub fn null(&self) -> Option<usize> {
        self.branches.iter().position(|branch| *branch == Ty::Null)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fixed {
    pub name: FullName,
    pub aliases: Vec<FullName>,
    pub size: usize,
    pub logical: Option<LogicalType>,
}

/// A primitive, or a logical type on one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scalar {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Logical(LogicalType),
}

impl Scalar {
    /// What Avro calls it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Logical(logical) => logical.name(),
        }
    }

    /// The type that Avro writes it as.
    pub fn plain(self) -> Self {
        use LogicalType::{BigDecimal, Date, Decimal, TimeMillis, Uuid};
        match self {
            Self::Logical(Decimal(_) | BigDecimal) => Self::Bytes,
            Self::Logical(Uuid) => Self::String,
            Self::Logical(Date | TimeMillis) => Self::Int,
            Self::Logical(_) => Self::Long,
            plain => plain,
        }
    }
}

impl Ty {
    /// The type in messages.
    pub fn label(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Scalar(Scalar::Logical(LogicalType::Decimal(digits))) => {
                format!("decimal({}, {})", digits.precision, digits.scale)
            }
            Self::Scalar(scalar) => scalar.label().to_owned(),
            Self::Fixed(fixed) => format!("{} (fixed of {} bytes)", fixed.name, fixed.size),
            Self::Array(item) => format!("array of {}", item.label()),
            Self::Map(value) => format!("map of {}", value.label()),
            Self::Nullable { value, .. } => format!("nullable {}", value.label()),
            Self::Union(union) => {
                let labels: Vec<_> = union.branches.iter().map(Self::label).collect();
                format!("union of {}", labels.join(", "))
            }
            Self::Record { name, .. } => format!("{name} (record)"),
            Self::Enum(name) => format!("{name} (enum)"),
        }
    }

    /// How many bytes a value takes at least.
    pub fn least(&self, defs: &BTreeMap<FullName, Def>) -> usize {
        match self {
            Self::Null => 0,
            Self::Scalar(Scalar::Float) => 4,
            Self::Scalar(Scalar::Double) => 8,
            Self::Fixed(fixed) => fixed.size,
            Self::Record { name, .. } => match &defs[name].body {
                Body::Record(fields) => fields
                    .iter()
                    .fold(0_usize, |sum, f| sum.saturating_add(f.ty.least(defs))),
                Body::Enum { .. } => 1,
            },
            _ => 1,
        }
    }

    /// How many bytes a value takes that is not unusually long: texts of 24, lists of two.
    pub fn usual(&self, defs: &BTreeMap<FullName, Def>) -> usize {
        match self {
            Self::Null => 0,
            Self::Scalar(Scalar::Boolean) | Self::Enum(_) => 1,
            Self::Scalar(Scalar::Float) => 4,
            Self::Scalar(Scalar::Double) => 8,
            Self::Scalar(Scalar::Logical(LogicalType::Uuid)) => 37,
            Self::Scalar(scalar) => match scalar.plain() {
                Scalar::Bytes | Scalar::String => 25,
                _ => 10,
            },
            Self::Fixed(fixed) => fixed.size,
            Self::Array(item) => item.usual(defs).saturating_mul(2).saturating_add(2),
            Self::Map(value) => value.usual(defs).saturating_mul(2).saturating_add(52),
            Self::Nullable { value, .. } => value.usual(defs).saturating_add(1),
            Self::Union(union) => {
                let branches = union.branches.iter().map(|branch| branch.usual(defs));
                branches.max().unwrap_or_default().saturating_add(1)
            }
            Self::Record { name, .. } => match &defs[name] {
                Def {
                    body: Body::Record(fields),
                    recursive: false,
                    ..
                } => fields
                    .iter()
                    .fold(0, |sum: usize, f| sum.saturating_add(f.ty.usual(defs))),
                _ => 64,
            },
        }
    }

    /// The types that this one is made of directly.
    pub fn inner(&self) -> &[Ty] {
        match self {
            Self::Array(inner) | Self::Map(inner) | Self::Nullable { value: inner, .. } => {
                std::slice::from_ref(inner)
            }
            Self::Union(union) => &union.branches,
            _ => &[],
        }
    }
}

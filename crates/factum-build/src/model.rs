//! Schemas as code generation sees them.

use std::collections::BTreeMap;

use factum_schema::{Digits, FullName};
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
    pub logical: Option<FixedLogical>,
}

/// A logical type on fixed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FixedLogical {
    Decimal(Digits),
    Uuid,
    Duration,
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
    Decimal(Digits),
    BigDecimal,
    Uuid,
    Date,
    TimeMillis,
    TimeMicros,
    TimestampMillis,
    TimestampMicros,
    TimestampNanos,
    LocalTimestampMillis,
    LocalTimestampMicros,
    LocalTimestampNanos,
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
            Self::Decimal(_) => "decimal",
            Self::BigDecimal => "big-decimal",
            Self::Uuid => "uuid",
            Self::Date => "date",
            Self::TimeMillis => "time-millis",
            Self::TimeMicros => "time-micros",
            Self::TimestampMillis => "timestamp-millis",
            Self::TimestampMicros => "timestamp-micros",
            Self::TimestampNanos => "timestamp-nanos",
            Self::LocalTimestampMillis => "local-timestamp-millis",
            Self::LocalTimestampMicros => "local-timestamp-micros",
            Self::LocalTimestampNanos => "local-timestamp-nanos",
        }
    }

    /// The type that Avro writes it as.
    pub fn plain(self) -> Self {
        match self {
            Self::Decimal(_) | Self::BigDecimal => Self::Bytes,
            Self::Uuid => Self::String,
            Self::Date | Self::TimeMillis => Self::Int,
            Self::TimeMicros
            | Self::TimestampMillis
            | Self::TimestampMicros
            | Self::TimestampNanos
            | Self::LocalTimestampMillis
            | Self::LocalTimestampMicros
            | Self::LocalTimestampNanos => Self::Long,
            plain => plain,
        }
    }
}

impl Ty {
    /// The type in messages.
    pub fn label(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Scalar(Scalar::Decimal(digits)) => {
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

//! The part of Avro that code is generated for.

use std::collections::BTreeMap;

use factum_schema::FullName;
use proc_macro2::Ident;
use quote::format_ident;
use serde_json::Value;

/// One version of an event, with all that is needed to generate code from it.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub event: String,
    pub version: u32,
    /// The file, as messages name it.
    pub file: String,
    /// Where the file lies, for `include_str!`.
    pub path: String,
    pub fingerprint: u64,
    /// The event's own record.
    pub root: FullName,
    /// The records and enums that the schema defines.
    pub defs: BTreeMap<FullName, Def>,
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
    Scalar(Scalar),
    Fixed(Fixed),
    Array(Box<Ty>),
    Map(Box<Ty>),
    /// A union of null, which is the branch `null` (0 or 1), and one other type.
    Nullable {
        null: u32,
        value: Box<Ty>,
    },
    Record(FullName),
    Enum(FullName),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fixed {
    pub name: FullName,
    pub aliases: Vec<FullName>,
    pub size: usize,
}

/// A type without parts, logical types included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    TimestampMillis,
    TimestampMicros,
    Date,
    Uuid,
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
            Self::TimestampMillis => "timestamp-millis",
            Self::TimestampMicros => "timestamp-micros",
            Self::Date => "date",
            Self::Uuid => "uuid",
        }
    }

    /// What the runtime calls the functions that read and write it.
    pub fn method(self) -> Ident {
        format_ident!("{}", self.label().replace('-', "_"))
    }

    /// The type that Avro writes it as.
    pub fn plain(self) -> Self {
        match self {
            Self::TimestampMillis | Self::TimestampMicros => Self::Long,
            Self::Date => Self::Int,
            Self::Uuid => Self::String,
            plain => plain,
        }
    }
}

impl Ty {
    pub fn label(&self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.label().to_owned(),
            Self::Fixed(fixed) => format!("{} (fixed of {} bytes)", fixed.name, fixed.size),
            Self::Array(item) => format!("array of {}", item.label()),
            Self::Map(value) => format!("map of {}", value.label()),
            Self::Nullable { value, .. } => format!("nullable {}", value.label()),
            Self::Record(name) => format!("{name} (record)"),
            Self::Enum(name) => format!("{name} (enum)"),
        }
    }

    /// How many bytes a value takes at least.
    pub fn least(&self, defs: &BTreeMap<FullName, Def>) -> usize {
        match self {
            Self::Scalar(Scalar::Float) => 4,
            Self::Scalar(Scalar::Double) => 8,
            Self::Fixed(fixed) => fixed.size,
            Self::Record(name) => match &defs[name].body {
                Body::Record(fields) => fields
                    .iter()
                    .fold(0_usize, |sum, f| sum.saturating_add(f.ty.least(defs))),
                Body::Enum { .. } => 1,
            },
            _ => 1,
        }
    }
}

//! Values whose schema is known only when the program runs, as tools show them.

mod read;
mod tell;
mod union;

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value of any schema, in the form in which people read it; [`Schema::value`](crate::Schema::value)
/// makes it of bytes.
///
/// As JSON (it is [`Serialize`]):
///
/// - records and maps are objects, a record's fields in the schema's order; arrays are arrays;
/// - int, long, float and double are numbers; what JSON has no number for is `"NaN"`, `"Infinity"` or
///   `"-Infinity"`;
/// - bytes and fixed are text in base64, enums their symbol;
/// - a union's value stands for itself, unless another of the branches looks alike in JSON (two records,
///   string and bytes, int and double): then it is an object of one member, named as the branch's type,
///   as in Avro's own JSON: `{"bank.Card": {…}}`;
/// - `date`, `time-*`, `timestamp-*` and `local-timestamp-*` are text by RFC 3339, timestamps in UTC;
///   `duration` is text by ISO 8601; `uuid` is text with hyphens; `decimal` and `big-decimal` are
///   numbers in text, since JSON's readers would round them. What lies outside of a logical type's
///   range (a year after 9999) is told as the plain type beneath it.
///
/// It is meant for eyes and filters, and can't be read back. It borrows from the schema and the bytes,
/// and keeps the branch that was written; `apache-avro`'s dynamic value copies both, and refuses a
/// logical type's value that is out of range.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// An int or a long.
    Long(i64),
    /// A float.
    Float(f32),
    /// A double.
    Double(f64),
    /// Bytes or a fixed.
    Bytes(&'a [u8]),
    /// A string, a symbol, or a logical type's text.
    Text(Cow<'a, str>),
    /// An array's items.
    Array(Vec<Self>),
    /// A record's fields, a map's entries, or a union's branch by its name.
    Object(Vec<(&'a str, Self)>),
}

impl<'a> Value<'a> {
    /// The member of that name, if this is an object that has one. Of a map's several entries of one
    /// key the last counts.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => {
                let mut found = members.iter().rev().filter(|(key, _)| *key == name);
                found.next().map(|(_, value)| value)
            }
            _ => None,
        }
    }

    fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }
}

/// The value as JSON, on one line.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => json.serialize_unit(),
            Self::Boolean(value) => json.serialize_bool(*value),
            Self::Long(value) => json.serialize_i64(*value),
            Self::Float(value) if value.is_finite() => json.serialize_f32(*value),
            Self::Double(value) if value.is_finite() => json.serialize_f64(*value),
            Self::Float(value) => json.serialize_str(unbounded(f64::from(*value))),
            Self::Double(value) => json.serialize_str(unbounded(*value)),
            Self::Bytes(bytes) => json.serialize_str(&BASE64_STANDARD.encode(bytes)),
            Self::Text(text) => json.serialize_str(text),
            Self::Array(items) => json.collect_seq(items),
            Self::Object(members) => {
                let mut map = json.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// The names that Java's and Python's JSON have for them.
fn unbounded(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

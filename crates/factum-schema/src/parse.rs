//! From a `.avsc` file's JSON to a [`Schema`], with every mistake and where it stands.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use serde_json::{Map, Value};

use crate::json;
use crate::schema::{Body, Digits, Field, FullName, Named, Schema, Shape, Type};

/// A mistake in a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, as a JSON pointer; empty for the whole file.
    pub pointer: String,
    /// What, and what to do.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => f.write_str(&self.message),
            pointer => write!(f, "{pointer}: {}", self.message),
        }
    }
}

/// Why a text is not a schema: every mistake in it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}", lines(.findings))]
pub struct ParseError {
    /// The mistakes, at least one.
    pub findings: Vec<Finding>,
}

fn lines(findings: &[Finding]) -> String {
    let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
    lines.join("\n")
}

impl Schema {
    /// Reads a schema from the JSON text of a `.avsc` file.
    ///
    /// # Errors
    /// Every mistake in it, with its JSON pointer.
    pub fn parse(json: &str) -> Result<Self, ParseError> {
        let mut parser = Parser::default();
        let root = match json::parse(json) {
            Ok(value) => parser.ty(&value, "", ""),
            Err(error) => parser.note("", format!("can't read the JSON: {error}")),
        };
        let names = parser.names;
        let mut findings = parser.findings;
        match root {
            Some(root) if findings.is_empty() => {
                let schema = Self { root, names };
                schema.check_defaults(&mut findings);
                if findings.is_empty() {
                    return Ok(schema);
                }
            }
            _ => {}
        }
        Err(ParseError { findings })
    }
}

type Object = Map<String, Value>;

#[derive(Default)]
struct Parser {
    names: BTreeMap<FullName, Named>,
    /// Every name met so far, the ones that are still being read included.
    declared: BTreeSet<FullName>,
    findings: Vec<Finding>,
}

impl Parser {
    fn note<T>(&mut self, pointer: &str, message: impl Into<String>) -> Option<T> {
        self.findings.push(Finding {
            pointer: pointer.to_owned(),
            message: message.into(),
        });
        None
    }

    fn ty(&mut self, json: &Value, at: &str, space: &str) -> Option<Type> {
        let (shape, logical, digits) = match json {
            Value::String(name) => (self.reference(name, at, space)?, None, None),
            Value::Array(branches) => (self.union(branches, at, space)?, None, None),
            Value::Object(object) => {
                let logical = self.text(object, "logicalType", at);
                (self.object(object, at, space)?, logical, digits(object))
            }
            _ => return self.note(at, "a type is a name, an object or an array of types"),
        };
        Some(Type {
            shape,
            logical,
            digits,
            pointer: at.to_owned(),
        })
    }

    fn reference(&mut self, name: &str, at: &str, space: &str) -> Option<Shape> {
        if let Some(primitive) = primitive(name) {
            return Some(primitive);
        }
        let full = FullName::within(space, name);
        if self.declared.contains(&full) {
            return Some(Shape::Named(full));
        }
        self.note(
            at,
            format!("unknown type `{full}`; a type is defined before it is used by name"),
        )
    }

    fn union(&mut self, branches: &[Value], at: &str, space: &str) -> Option<Shape> {
        let mut types: Vec<Type> = Vec::new();
        let mut taken = HashSet::new();
        for (index, branch) in branches.iter().enumerate() {
            let at = format!("{at}/{index}");
            let ty = self.ty(branch, &at, space)?;
            if matches!(ty.shape, Shape::Union(_)) {
                return self.note(&at, "a union can't hold a union");
            }
            // A union tells its branches apart by type, and named types by name.
            if !taken.insert(ty.shape.label().to_owned()) {
                let message = format!("the union has `{}` already", ty.shape.label());
                return self.note(&at, message);
            }
            types.push(ty);
        }
        Some(Shape::Union(types))
    }

    fn object(&mut self, object: &Object, at: &str, space: &str) -> Option<Shape> {
        let kind = match object.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(_) => return self.note(&format!("{at}/type"), "a type's name is expected"),
            None => return self.note(at, "`type` is missing"),
        };
        match kind {
            "array" => Some(Shape::Array(self.inner(object, "items", at, space)?)),
            "map" => Some(Shape::Map(self.inner(object, "values", at, space)?)),
            "record" | "error" | "enum" | "fixed" => self.definition(kind, object, at, space),
            name => self.reference(name, &format!("{at}/type"), space),
        }
    }

    fn inner(&mut self, object: &Object, key: &str, at: &str, space: &str) -> Option<Box<Type>> {
        match object.get(key) {
            Some(inner) => Some(Box::new(self.ty(inner, &format!("{at}/{key}"), space)?)),
            None => self.note(at, format!("`{key}` is missing")),
        }
    }

    fn definition(&mut self, kind: &str, object: &Object, at: &str, space: &str) -> Option<Shape> {
        let name = self.full_name(object, at, space)?;
        if !self.declared.insert(name.clone()) {
            let message = format!("`{name}` is defined already");
            return self.note(&format!("{at}/name"), message);
        }
        let aliases = self
            .names_list(object, "aliases", at, is_full_name)
            .iter()
            .map(|alias| FullName::within(name.namespace(), alias))
            .collect();
        let body = match kind {
            "enum" => self.symbols(object, at)?,
            "fixed" => self.fixed(object, at)?,
            _ => self.record(object, at, name.namespace())?,
        };
        let named = Named {
            name: name.clone(),
            aliases,
            doc: self.text(object, "doc", at),
            logical: self.text(object, "logicalType", at),
            digits: digits(object),
            pointer: at.to_owned(),
            body,
        };
        self.names.insert(name.clone(), named);
        Some(Shape::Named(name))
    }

    fn full_name(&mut self, object: &Object, at: &str, space: &str) -> Option<FullName> {
        let name = match object.get("name") {
            Some(Value::String(name)) => name,
            Some(_) => return self.note(&format!("{at}/name"), "a name is a string"),
            None => return self.note(at, "`name` is missing"),
        };
        let space = self
            .text(object, "namespace", at)
            .unwrap_or_else(|| space.to_owned());
        let full = FullName::within(&space, name);
        // A leading dot would name the empty namespace; other implementations differ on it.
        if !is_full_name(full.as_str()) {
            let message = format!("`{full}` is not a name: {NAME_RULE}");
            return self.note(&format!("{at}/name"), message);
        }
        if primitive(full.short()).is_some() || RESERVED.contains(&full.short()) {
            let message = format!("`{}` is the name of an Avro type", full.short());
            return self.note(&format!("{at}/name"), message);
        }
        Some(full)
    }

    fn record(&mut self, object: &Object, at: &str, space: &str) -> Option<Body> {
        let Some(Value::Array(list)) = object.get("fields") else {
            return self.note(at, "`fields` is missing, or not an array");
        };
        let mut fields = Vec::new();
        let mut taken = BTreeSet::new();
        for (index, field) in list.iter().enumerate() {
            let at = format!("{at}/fields/{index}");
            let Some(field) = self.field(field, &at, space) else {
                continue;
            };
            if taken.insert(field.name.clone()) {
                fields.push(field);
            } else {
                let message = format!("the record has a field `{}` already", field.name);
                self.note::<()>(&format!("{at}/name"), message);
            }
        }
        Some(Body::Record(fields))
    }

    fn field(&mut self, json: &Value, at: &str, space: &str) -> Option<Field> {
        let Value::Object(object) = json else {
            return self.note(at, "a field is an object");
        };
        let name = match object.get("name") {
            Some(Value::String(name)) if is_name(name) => name.clone(),
            Some(name) => {
                let message = format!("{name} is not a name: {NAME_RULE}");
                return self.note(&format!("{at}/name"), message);
            }
            None => return self.note(at, "`name` is missing"),
        };
        Some(Field {
            name,
            aliases: self.names_list(object, "aliases", at, is_name),
            doc: self.text(object, "doc", at),
            ty: *self.inner(object, "type", at, space)?,
            default: object.get("default").cloned(),
            pointer: at.to_owned(),
        })
    }

    fn symbols(&mut self, object: &Object, at: &str) -> Option<Body> {
        let Some(Value::Array(_)) = object.get("symbols") else {
            return self.note(at, "`symbols` is missing, or not an array");
        };
        let symbols = self.names_list(object, "symbols", at, is_name);
        let unique: BTreeSet<_> = symbols.iter().collect();
        if unique.len() < symbols.len() {
            return self.note(&format!("{at}/symbols"), "a symbol stands there twice");
        }
        let default = self.text(object, "default", at);
        match &default {
            Some(default) if !symbols.contains(default) => self.note(
                &format!("{at}/default"),
                format!("`{default}` is not one of the symbols"),
            ),
            _ => Some(Body::Enum { symbols, default }),
        }
    }

    fn fixed(&mut self, object: &Object, at: &str) -> Option<Body> {
        let size = object.get("size").and_then(Value::as_u64);
        match size.and_then(|size| u32::try_from(size).ok()) {
            Some(size) => Some(Body::Fixed(size as usize)),
            None => self.note(at, "`size` is missing, or not a number of bytes"),
        }
    }

    /// The names in the array `key`, if it is there.
    fn names_list(
        &mut self,
        object: &Object,
        key: &str,
        at: &str,
        rule: fn(&str) -> bool,
    ) -> Vec<String> {
        let Some(value) = object.get(key) else {
            return Vec::new();
        };
        let at = format!("{at}/{key}");
        let Value::Array(list) = value else {
            self.note::<()>(&at, "an array of names is expected");
            return Vec::new();
        };
        let mut names = Vec::new();
        for (index, name) in list.iter().enumerate() {
            match name {
                Value::String(name) if rule(name) => names.push(name.clone()),
                other => {
                    let message = format!("{other} is not a name: {NAME_RULE}");
                    self.note::<()>(&format!("{at}/{index}"), message);
                }
            }
        }
        names
    }

    fn text(&mut self, object: &Object, key: &str, at: &str) -> Option<String> {
        match object.get(key)? {
            Value::String(text) => Some(text.clone()),
            _ => self.note(&format!("{at}/{key}"), "a string is expected"),
        }
    }
}

const NAME_RULE: &str = "letters, digits and underscores, not starting with a digit";
const RESERVED: [&str; 6] = ["array", "map", "record", "error", "enum", "fixed"];

/// A precision without a scale has the scale 0. What makes no sense together is ignored, as the
/// specification has it for logical types.
fn digits(object: &Object) -> Option<Digits> {
    let number = |value: &Value| u32::try_from(value.as_u64()?).ok();
    let precision = object.get("precision").and_then(number)?;
    let scale = object.get("scale").map_or(Some(0), number)?;
    (precision > 0 && scale <= precision).then_some(Digits { precision, scale })
}

fn primitive(name: &str) -> Option<Shape> {
    Some(match name {
        "null" => Shape::Null,
        "boolean" => Shape::Boolean,
        "int" => Shape::Int,
        "long" => Shape::Long,
        "float" => Shape::Float,
        "double" => Shape::Double,
        "bytes" => Shape::Bytes,
        "string" => Shape::String,
        _ => return None,
    })
}

fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

fn is_full_name(name: &str) -> bool {
    name.split('.').all(is_name)
}

//! Whether a field's default fits the field's type.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use crate::Finding;
use crate::schema::{Body, Field, Named, Schema, Shape, Type};

/// How many of a union's branches a finding lists.
const MOST_LISTED: usize = 10;

impl Schema {
    pub(crate) fn check_defaults(&self, findings: &mut Vec<Finding>) {
        let fields = self.definitions().filter_map(|named| match &named.body {
            Body::Record(fields) => Some(fields),
            _ => None,
        });
        for field in fields.flatten() {
            if let Some(default) = &field.default {
                let mut check = Check {
                    schema: self,
                    findings: Some(findings),
                    known: HashMap::new(),
                };
                check.ty(&field.ty, default, At::Top(&field.pointer));
            }
        }
    }

    /// The index of the branch that a union's default belongs to: the first that it fits.
    pub fn default_branch(&self, branches: &[Type], value: &Value) -> Option<usize> {
        let mut check = Check {
            schema: self,
            findings: None,
            known: HashMap::new(),
        };
        check.branch(branches, value)
    }
}

struct Check<'s, 'f> {
    schema: &'s Schema,
    /// Where findings go, unless only the verdict counts.
    findings: Option<&'f mut Vec<Finding>>,
    /// Whether a value within the default is one of a named type: the branches of unions within unions
    /// ask it of the same value over and over.
    known: HashMap<(*const Named, *const Value), bool>,
}

impl Check<'_, '_> {
    fn ty(&mut self, ty: &Type, value: &Value, at: At<'_>) -> bool {
        match (&ty.shape, value) {
            (Shape::Array(items), Value::Array(values)) => {
                all(values.iter().enumerate(), |(index, value)| {
                    self.ty(items, value, At::Item(&at, index))
                })
            }
            (Shape::Map(inner), Value::Object(values)) => all(values, |(key, value)| {
                self.ty(inner, value, At::Member(&at, key))
            }),
            (Shape::Union(branches), value) => self.union(branches, value, at),
            (Shape::Named(name), value) => match self.schema.named(name) {
                Some(named) => self.named(named, value, at),
                None => true, // No schema is parsed that lacks one of its types.
            },
            (shape, value) => fits_primitive(shape, value) || self.misfit(shape.label(), value, at),
        }
    }

    /// A default is one of any branch: the first that it fits.
    fn union(&mut self, branches: &[Type], value: &Value, at: At<'_>) -> bool {
        let findings = self.findings.take();
        let branch = self.branch(branches, value);
        self.findings = findings;
        branch.is_some()
            || self.note(at, || {
                let labels: Vec<_> = branches.iter().map(|b| b.shape.label()).collect();
                let listed = labels[..labels.len().min(MOST_LISTED)].join(", ");
                let more = if labels.len() > MOST_LISTED {
                    ", …"
                } else {
                    ""
                };
                format!("{value} fits no branch of the union, which are {listed}{more}")
            })
    }

    /// Only the verdicts count.
    fn branch(&mut self, branches: &[Type], value: &Value) -> Option<usize> {
        let mut branches = branches.iter();
        branches.position(|branch| self.ty(branch, value, At::Top("")))
    }

    fn named(&mut self, named: &Named, value: &Value, at: At<'_>) -> bool {
        if self.findings.is_some() {
            return self.body(named, value, at);
        }
        let asked = (std::ptr::from_ref(named), std::ptr::from_ref(value));
        if let Some(fits) = self.known.get(&asked) {
            return *fits;
        }
        let fits = self.body(named, value, at);
        self.known.insert(asked, fits);
        fits
    }

    fn body(&mut self, named: &Named, value: &Value, at: At<'_>) -> bool {
        match (&named.body, value) {
            (Body::Record(fields), Value::Object(_)) => {
                all(fields, |field| self.field(field, value, at))
            }
            (Body::Enum { symbols, .. }, Value::String(symbol)) if symbols.contains(symbol) => true,
            (Body::Fixed(size), value) if bytes(value).is_some_and(|b| b.len() == *size) => true,
            _ => self.misfit(named.name.as_str(), value, at),
        }
    }

    fn field(&mut self, field: &Field, record: &Value, at: At<'_>) -> bool {
        match record.get(&field.name) {
            Some(value) => self.ty(&field.ty, value, At::Member(&at, &field.name)),
            None if field.default.is_some() => true,
            None => self.note(at, || {
                format!("the field `{}` has no value here", field.name)
            }),
        }
    }

    fn misfit(&mut self, label: &str, value: &Value, at: At<'_>) -> bool {
        self.note(at, || format!("{value} is no value of the type `{label}`"))
    }

    /// Always false.
    fn note(&mut self, at: At<'_>, message: impl FnOnce() -> String) -> bool {
        if let Some(findings) = &mut self.findings {
            findings.push(Finding {
                pointer: at.to_string(),
                message: message(),
            });
        }
        false
    }
}

/// Whether it holds for all, each of which is looked at.
fn all<T>(values: impl IntoIterator<Item = T>, mut holds: impl FnMut(T) -> bool) -> bool {
    let verdicts = values.into_iter().map(&mut holds);
    verdicts.fold(true, |all, one| all & one)
}

/// Where a value within a default stands; made into a pointer only if there is something to tell.
#[derive(Clone, Copy)]
enum At<'a> {
    /// The default of the field at this pointer.
    Top(&'a str),
    Item(&'a At<'a>, usize),
    Member(&'a At<'a>, &'a str),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(field) => write!(f, "{field}/default"),
            Self::Item(outer, index) => write!(f, "{outer}/{index}"),
            Self::Member(outer, key) => write!(f, "{outer}/{}", escape(key)),
        }
    }
}

fn fits_primitive(shape: &Shape, value: &Value) -> bool {
    match shape {
        Shape::Null => value.is_null(),
        Shape::Boolean => value.is_boolean(),
        Shape::Int => value.as_i64().is_some_and(|v| i32::try_from(v).is_ok()),
        Shape::Long => value.is_i64(),
        Shape::Float => value.as_f64().is_some_and(|v| (v as f32).is_finite()),
        Shape::Double => value.is_number(),
        Shape::Bytes => bytes(value).is_some(),
        Shape::String => value.is_string(),
        _ => false,
    }
}

/// The bytes that a default for `bytes` or `fixed` stands for: each character is one byte.
pub(crate) fn bytes(value: &Value) -> Option<Vec<u8>> {
    value
        .as_str()?
        .chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect()
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

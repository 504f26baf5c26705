//! Whether a field's default fits the field's type.

use serde_json::Value;

use crate::Finding;
use crate::schema::{Body, Field, Named, Schema, Shape, Type};

impl Schema {
    pub(crate) fn check_defaults(&self, findings: &mut Vec<Finding>) {
        for named in self.definitions() {
            let Body::Record(fields) = &named.body else {
                continue;
            };
            for field in fields {
                if let Some(default) = &field.default {
                    let at = format!("{}/default", field.pointer);
                    self.check(&field.ty, default, &at, findings);
                }
            }
        }
    }

    fn check(&self, ty: &Type, value: &Value, at: &str, findings: &mut Vec<Finding>) {
        match (&ty.shape, value) {
            (Shape::Array(items), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    self.check(items, value, &format!("{at}/{index}"), findings);
                }
            }
            (Shape::Map(inner), Value::Object(values)) => {
                for (key, value) in values {
                    self.check(inner, value, &format!("{at}/{}", escape(key)), findings);
                }
            }
            (Shape::Union(branches), value) => self.check_union(branches, value, at, findings),
            (Shape::Named(name), value) => {
                if let Some(named) = self.named(name) {
                    self.check_named(named, value, at, findings);
                }
            }
            (shape, value) if fits_primitive(shape, value) => {}
            (shape, value) => misfit(shape.label(), value, at, findings),
        }
    }

    /// A default is one of any branch: the first that it fits.
    fn check_union(&self, branches: &[Type], value: &Value, at: &str, findings: &mut Vec<Finding>) {
        if self.default_branch(branches, value).is_none() {
            let labels: Vec<_> = branches.iter().map(|b| b.shape.label()).collect();
            findings.push(Finding {
                pointer: at.to_owned(),
                message: format!(
                    "{value} fits no branch of the union, which are {}",
                    labels.join(", ")
                ),
            });
        }
    }

    /// The index of the branch that a union's default belongs to: the first that it fits.
    pub fn default_branch(&self, branches: &[Type], value: &Value) -> Option<usize> {
        branches.iter().position(|branch| {
            let mut misfits = Vec::new();
            self.check(branch, value, "", &mut misfits);
            misfits.is_empty()
        })
    }

    fn check_named(&self, named: &Named, value: &Value, at: &str, findings: &mut Vec<Finding>) {
        match (&named.body, value) {
            (Body::Record(fields), Value::Object(_)) => {
                for field in fields {
                    self.check_field(field, value, at, findings);
                }
            }
            (Body::Enum { symbols, .. }, Value::String(symbol)) if symbols.contains(symbol) => {}
            (Body::Fixed(size), value) if bytes(value).is_some_and(|b| b.len() == *size) => {}
            _ => misfit(named.name.as_str(), value, at, findings),
        }
    }

    fn check_field(&self, field: &Field, value: &Value, at: &str, findings: &mut Vec<Finding>) {
        match value.get(&field.name) {
            Some(value) => {
                self.check(&field.ty, value, &format!("{at}/{}", field.name), findings);
            }
            None if field.default.is_some() => {}
            None => findings.push(Finding {
                pointer: at.to_owned(),
                message: format!("the field `{}` has no value here", field.name),
            }),
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

fn misfit(label: &str, value: &Value, at: &str, findings: &mut Vec<Finding>) {
    findings.push(Finding {
        pointer: at.to_owned(),
        message: format!("{value} is no value of the type `{label}`"),
    });
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

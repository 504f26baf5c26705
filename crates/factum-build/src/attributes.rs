//! Attributes that were meant as a logical type, but mean nothing where they stand or as they are spelled.

use serde_json::{Map, Value};

use crate::finding::Finding;

/// The attribute of a type that Avro knows.
const KEY: &str = "logicalType";

/// Warnings of a file whose schema is in order.
pub(crate) fn warnings(file: &str, text: &str) -> Vec<Finding> {
    let mut walk = Walk {
        file,
        warnings: Vec::new(),
    };
    if let Ok(json) = serde_json::from_str(text) {
        walk.ty(&json, "");
    }
    walk.warnings
}

struct Walk<'a> {
    file: &'a str,
    warnings: Vec<Finding>,
}

impl Walk<'_> {
    fn note(&mut self, pointer: &str, message: String) {
        self.warnings
            .push(Finding::new(self.file, pointer, message));
    }

    fn ty(&mut self, json: &Value, pointer: &str) {
        match json {
            Value::Array(branches) => {
                for (index, branch) in branches.iter().enumerate() {
                    self.ty(branch, &format!("{pointer}/{index}"));
                }
            }
            Value::Object(object) => {
                self.spelling(object, pointer);
                for key in ["type", "items", "values"] {
                    if let Some(inner) = object.get(key) {
                        self.ty(inner, &format!("{pointer}/{key}"));
                    }
                }
                let fields = object.get("fields").and_then(Value::as_array);
                for (index, field) in fields.into_iter().flatten().enumerate() {
                    self.field(field, &format!("{pointer}/fields/{index}"));
                }
            }
            _ => {}
        }
    }

    fn field(&mut self, json: &Value, pointer: &str) {
        let Some(field) = json.as_object() else {
            return;
        };
        if let (Some(logical), Some(ty)) = (field.get(KEY), field.get("type")) {
            let ty = match ty {
                Value::String(name) => format!("{name:?}"),
                _ => "…".to_owned(),
            };
            self.note(
                pointer,
                format!(
                    "`{KEY}` stands on the field, where it means nothing; put it on the field's type: \
                     \"type\": {{\"type\": {ty}, \"{KEY}\": {logical}}}"
                ),
            );
        }
        self.spelling(field, pointer);
        if let Some(ty) = field.get("type") {
            self.ty(ty, &format!("{pointer}/type"));
        }
    }

    fn spelling(&mut self, object: &Map<String, Value>, pointer: &str) {
        for key in object.keys().filter(|key| is_misspelled(key)) {
            self.note(
                pointer,
                format!("the attribute `{key}` means nothing; the one of Avro is called `{KEY}`"),
            );
        }
    }
}

fn is_misspelled(key: &str) -> bool {
    key != KEY && key.replace(['_', '-'], "").eq_ignore_ascii_case(KEY)
}

//! One file, made whole.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Types;
use crate::finding::Finding;

/// Which version of which shared type a file means.
type Versions = BTreeMap<String, u32>;

pub(super) struct Composer<'a> {
    types: &'a Types,
    file: &'a str,
    findings: &'a mut Vec<Finding>,
    /// The names that the file defines so far.
    defined: BTreeSet<String>,
    /// The shared types among them.
    embedded: Versions,
}

/// Where in the file, and the namespace and the versions that hold there.
#[derive(Clone, Copy)]
struct At<'a> {
    pointer: &'a str,
    space: &'a str,
    versions: &'a Versions,
}

impl<'a> Composer<'a> {
    pub fn new(types: &'a Types, file: &'a str, findings: &'a mut Vec<Finding>) -> Self {
        Self {
            types,
            file,
            findings,
            defined: BTreeSet::new(),
            embedded: Versions::new(),
        }
    }

    /// Makes a file's JSON whole; says whether it was not.
    pub fn whole(&mut self, json: &mut Value) -> bool {
        let versions = self.references(json, "");
        let at = At {
            pointer: "",
            space: "",
            versions: &versions,
        };
        self.ty(json, at);
        !self.embedded.is_empty()
    }

    fn note(&mut self, pointer: &str, message: String) {
        self.findings
            .push(Finding::new(self.file, pointer, message));
    }

    /// The attribute `references` of a file's outermost type.
    fn references(&mut self, json: &Value, pointer: &str) -> Versions {
        let pointer = format!("{pointer}/references");
        let mut versions = Versions::new();
        let references = json.get("references").and_then(Value::as_object);
        for (name, version) in references.into_iter().flatten() {
            let known = self.types.get(name);
            let number = version
                .as_u64()
                .and_then(|number| u32::try_from(number).ok());
            match number.filter(|number| known.is_some_and(|known| known.contains_key(number))) {
                Some(number) => drop(versions.insert(name.clone(), number)),
                None => {
                    let message =
                        format!("there is no version {version} of a shared type `{name}`");
                    self.note(&pointer, message);
                }
            }
        }
        versions
    }

    fn ty(&mut self, json: &mut Value, at: At<'_>) {
        match json {
            Value::String(name) => {
                let name = full_name(name, at.space);
                if let Some(definition) = self.definition(&name, at) {
                    *json = definition;
                }
            }
            Value::Array(branches) => {
                for (index, branch) in branches.iter_mut().enumerate() {
                    let pointer = format!("{}/{index}", at.pointer);
                    self.ty(
                        branch,
                        At {
                            pointer: &pointer,
                            ..at
                        },
                    );
                }
            }
            Value::Object(object) => match object.get("type").and_then(Value::as_str) {
                Some("array") => self.inner(object, "items", at),
                Some("map") => self.inner(object, "values", at),
                Some("record" | "error" | "enum" | "fixed") => self.named(object, at),
                Some(name) => {
                    let name = full_name(name, at.space);
                    if let Some(definition) = self.definition(&name, at) {
                        *json = definition;
                    }
                }
                None => {}
            },
            _ => {}
        }
    }

    fn inner(&mut self, object: &mut Map<String, Value>, key: &str, at: At<'_>) {
        if let Some(inner) = object.get_mut(key) {
            let pointer = format!("{}/{key}", at.pointer);
            self.ty(
                inner,
                At {
                    pointer: &pointer,
                    ..at
                },
            );
        }
    }

    fn named(&mut self, object: &mut Map<String, Value>, at: At<'_>) {
        let text = |key: &str| object.get(key).and_then(Value::as_str);
        let space = text("namespace").unwrap_or(at.space);
        let name = full_name(text("name").unwrap_or_default(), space);
        let space = name
            .rsplit_once('.')
            .map_or("", |(space, _)| space)
            .to_owned();
        self.defined.insert(name);
        let fields = object.get_mut("fields").and_then(Value::as_array_mut);
        for (index, field) in fields.into_iter().flatten().enumerate() {
            let pointer = format!("{}/fields/{index}/type", at.pointer);
            if let Some(ty) = field.get_mut("type") {
                let at = At {
                    pointer: &pointer,
                    space: &space,
                    ..at
                };
                self.ty(ty, at);
            }
        }
    }

    /// The whole definition of a shared type, where it is named first.
    fn definition(&mut self, name: &str, at: At<'_>) -> Option<Value> {
        let versions = self.types.get(name)?;
        let version = at.versions.get(name).copied().unwrap_or(1);
        if let Some(other) = self.embedded.get(name) {
            if *other != version {
                let message = format!(
                    "this is version {version} of `{name}`, and elsewhere the file has version {other}; a file can \
                     have one, see `references`"
                );
                self.note(at.pointer, message);
            }
            return None;
        }
        if self.defined.contains(name) {
            return None;
        }
        let mut json = versions.get(&version)?.clone();
        self.embedded.insert(name.to_owned(), version);
        let own = self.references(&json, at.pointer);
        if let Some(object) = json.as_object_mut() {
            object.remove("references");
            let (space, short) = name.rsplit_once('.').unwrap_or(("", name));
            object.insert("name".to_owned(), short.into());
            object.insert("namespace".to_owned(), space.into());
        }
        self.ty(
            &mut json,
            At {
                versions: &own,
                ..at
            },
        );
        Some(json)
    }
}

/// A name with dots is already full.
fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() {
        name.to_owned()
    } else {
        format!("{space}.{name}")
    }
}

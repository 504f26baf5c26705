//! Types that several files share: `<context>/types/<Name>/<n>.avsc`, versioned like events.
//!
//! A file refers to such a type by its full name, `<context>.<Name>`. It means version 1, unless the
//! attribute `references` of the file's outermost type says otherwise: `{"bank.Money": 2}`. Every file
//! is made whole before anything else looks at it, so that what it means depends on it alone: its
//! fingerprint, its line in `schemas.lock` and what is embedded for readers are those of the whole.

mod compose;
mod types_of_tree;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::finding::Finding;
use crate::tree::Source;
use compose::Composer;

pub use types_of_tree::SharedTypes;

/// The folder of a context that holds its shared types instead of an aggregate.
pub(crate) const FOLDER: &str = "types";

/// The shared types' definitions, by full name and version.
type Types = BTreeMap<String, BTreeMap<u32, Value>>;

impl Source {
    /// Whether it is a version of a shared type, not of an event.
    pub fn is_shared_type(&self) -> bool {
        self.aggregate == FOLDER
    }

    /// The full name of the shared type: `bank.Money`.
    pub(crate) fn type_name(&self) -> String {
        format!("{}.{}", self.context, self.event)
    }
}

/// Puts the definitions of shared types into the files that refer to them.
pub(crate) fn compose(sources: &mut [Source], findings: &mut Vec<Finding>) {
    let types = types(sources);
    for source in sources {
        // A file that is not JSON is reported where it is parsed.
        let Ok(json) = serde_json::from_str(&source.text) else {
            continue;
        };
        if let Some(text) = whole(&types, &source.shown, &source.text, json, findings) {
            source.text = text;
            source.is_composed = true;
        }
        if source.is_shared_type() {
            check(source, findings);
        }
    }
}

/// A file's text with the types in it, if it refers to any. `json` is what its text says.
fn whole(
    types: &Types,
    shown: &str,
    text: &str,
    mut json: Value,
    findings: &mut Vec<Finding>,
) -> Option<String> {
    let is_composed = Composer::new(types, shown, findings).whole(&mut json);
    (is_composed && !has_double_keys(shown, text, findings)).then(|| format!("{json:#}"))
}

fn types(sources: &[Source]) -> Types {
    let mut types = Types::new();
    for source in sources.iter().filter(|source| source.is_shared_type()) {
        if let Ok(json) = serde_json::from_str(&source.text) {
            let versions = types.entry(source.type_name()).or_default();
            versions.insert(source.version, json);
        }
    }
    types
}

/// Of a key that stands there twice, a whole text holds one: that would hide the mistake.
fn has_double_keys(shown: &str, text: &str, findings: &mut Vec<Finding>) -> bool {
    let Err(error) = factum_schema::Schema::parse(text) else {
        return false;
    };
    let json = error
        .findings
        .iter()
        .find(|finding| finding.message.starts_with("can't read the JSON"));
    let finding = json.map(|finding| Finding::new(shown, "", &finding.message));
    findings.extend(finding.clone());
    finding.is_some()
}

/// A shared type is one that has a name: that of its folders.
fn check(source: &Source, findings: &mut Vec<Finding>) {
    let schema = match factum_schema::Schema::parse(&source.text) {
        Ok(schema) => schema,
        Err(error) => {
            let note =
                |f: &factum_schema::Finding| Finding::new(&source.shown, &f.pointer, &f.message);
            return findings.extend(error.findings.iter().map(note));
        }
    };
    let expected = source.type_name();
    if schema.root().shape.label() != expected {
        let message = format!(
            "this defines `{}`; after its folders it must be a record, enum or fixed `{expected}`",
            schema.root().shape.label()
        );
        findings.push(Finding::new(&source.shown, "", message));
    }
}

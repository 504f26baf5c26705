//! What was meant by the name of a type that is not there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::finding::Finding;
use crate::tree::Source;

/// What Avro calls the types that other languages call otherwise.
const ELSEWHERE: [(&str, &[&str]); 11] = [
    ("int", &["integer", "int32", "i32", "short", "byte"]),
    ("long", &["integer", "int64", "i64", "bigint"]),
    ("string", &["str", "text", "varchar", "char"]),
    ("boolean", &["bool"]),
    ("float", &["f32", "float32", "real"]),
    ("double", &["f64", "float64", "number"]),
    ("bytes", &["binary", "blob"]),
    ("null", &["none", "nil", "unit"]),
    ("array", &["list", "vec"]),
    ("map", &["object", "dict"]),
    ("record", &["struct"]),
];

/// Behind each finding of an unknown type, the names that are nearest to it.
pub(crate) fn propose(findings: &mut [Finding], sources: &[Source]) {
    for finding in findings {
        // As `factum_schema` says it; one with a proposal behind it ends otherwise.
        let Some(unknown) = finding
            .message
            .strip_prefix("unknown type `")
            .and_then(|rest| rest.strip_suffix("`; a type is defined before it is used by name"))
        else {
            continue;
        };
        let nearest = nearest(unknown, &known(&finding.file, sources));
        if !nearest.is_empty() {
            let names: Vec<_> = nearest.iter().map(|name| format!("`{name}`")).collect();
            finding.message += &format!("; did you mean {}?", names.join(" or "));
        }
    }
}

/// The full names of the shared types, and of those that the file defines.
fn known(file: &str, sources: &[Source]) -> BTreeSet<String> {
    let shared = sources.iter().filter(|source| source.is_shared_type());
    let mut names = shared.map(Source::type_name).collect();
    let own = sources.iter().find(|source| source.shown == file);
    if let Some(json) = own.and_then(|source| serde_json::from_str(&source.text).ok()) {
        defined(&json, "", &mut names);
    }
    names
}

fn defined(json: &Value, space: &str, names: &mut BTreeSet<String>) {
    match json {
        Value::Array(list) => list.iter().for_each(|json| defined(json, space, names)),
        Value::Object(object) => {
            let text = |key: &str| object.get(key).and_then(Value::as_str);
            let mut space = text("namespace").unwrap_or(space).to_owned();
            if let (Some("record" | "enum" | "fixed"), Some(name)) = (text("type"), text("name")) {
                let full = match name.contains('.') || space.is_empty() {
                    true => name.to_owned(),
                    false => format!("{space}.{name}"),
                };
                space = full
                    .rsplit_once('.')
                    .map_or("", |(space, _)| space)
                    .to_owned();
                names.insert(full);
            }
            for key in ["type", "items", "values", "fields"] {
                if let Some(inner) = object.get(key) {
                    defined(inner, &space, names);
                }
            }
        }
        _ => {}
    }
}

fn nearest(unknown: &str, known: &BTreeSet<String>) -> Vec<String> {
    let written = short(unknown);
    let name = written.to_lowercase();
    // One that Avro knows so, such as `array`, is no type by itself.
    let elsewhere = ELSEWHERE.iter().filter(|(avro, others)| {
        written != *avro && (name == *avro || others.contains(&name.as_str()))
    });
    let elsewhere: Vec<_> = elsewhere.map(|(name, _)| (*name).to_owned()).collect();
    if !elsewhere.is_empty() {
        return elsewhere;
    }
    let avro = ELSEWHERE.iter().map(|(name, _)| *name);
    let near = |other: &&str| {
        *other != unknown && written != *other && is_near(&name, &short(other).to_lowercase())
    };
    let all = known.iter().map(String::as_str).chain(avro);
    all.filter(near).map(str::to_owned).collect()
}

fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// A letter or two are other ones; one in a short name.
fn is_near(a: &str, b: &str) -> bool {
    strsim::levenshtein(a, b) <= if a.len() > 4 { 2 } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_near_to_what_was_meant() {
        let known = ["bank.Money", "bank.loan.Term"].map(str::to_owned).into();
        let nearest = |name| nearest(name, &known).join(" ");
        assert_eq!(nearest("bank.loan.integer"), "int long");
        assert_eq!(nearest("bank.loan.String"), "string");
        assert_eq!(nearest("bank.loan.lung"), "long");
        assert_eq!(nearest("bank.loan.strnig"), "string");
        assert_eq!(nearest("bank.Mony"), "bank.Money");
        assert_eq!(nearest("bank.loan.Money"), "bank.Money");
        // It is there, but behind its first use; and `array` is no type without its items.
        assert_eq!(nearest("bank.loan.Term"), "");
        assert_eq!(nearest("bank.loan.array"), "");
        assert_eq!(nearest("bank.loan.Whatever"), "");
    }
}

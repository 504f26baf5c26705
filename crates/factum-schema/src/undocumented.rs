//! A schema's text without what says nothing to a reader.

use std::collections::BTreeMap;

use serde_json::Value;

/// The JSON of a schema without docs and white space, its keys sorted: two texts that differ in nothing else become
/// one. Docs of a released schema may be mended, so what identifies a release goes by this text. `None`: no JSON.
///
/// ```
/// use factum_schema::undocumented;
///
/// let text = undocumented(r#"{"type": "enum", "name": "Unit", "doc": "Of money.", "symbols": ["EUR"]}"#);
/// assert_eq!(text.unwrap(), r#"{"name":"Unit","symbols":["EUR"],"type":"enum"}"#);
/// ```
pub fn undocumented(json: &str) -> Option<String> {
    let mut json = serde_json::from_str(json).ok()?;
    strip_docs(&mut json);
    Some(ordered(&json))
}

/// Removes `doc` wherever it is an attribute of a schema or a field; a default's value may hold a
/// key of that name, which stays.
fn strip_docs(json: &mut Value) {
    match json {
        Value::Array(list) => list.iter_mut().for_each(strip_docs),
        Value::Object(object) => {
            object.remove("doc");
            for key in ["type", "items", "values", "fields"] {
                if let Some(inner) = object.get_mut(key) {
                    strip_docs(inner);
                }
            }
        }
        _ => {}
    }
}

/// JSON without white space and with sorted keys, whatever order `serde_json` was built to keep.
fn ordered(json: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(",");
    match json {
        Value::Array(list) => format!("[{}]", join(list.iter().map(ordered).collect())),
        Value::Object(object) => {
            let sorted: BTreeMap<_, _> = object.iter().collect();
            let member = |(key, value): (&String, &Value)| {
                format!("{}:{}", Value::from(key.as_str()), ordered(value))
            };
            format!("{{{}}}", join(sorted.into_iter().map(member).collect()))
        }
        scalar => scalar.to_string(),
    }
}

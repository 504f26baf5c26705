//! Whether a schema from the registry says what one of this program's own says.

use std::collections::BTreeSet;

use factum_schema::{Body, Named, Schema, SchemaVersion, meaning_changes};
use serde_json::Value;

use crate::KnownSchema;

/// What a value that `writer` wrote would say otherwise when it is read as `reader`: Avro itself lets it pass.
pub(crate) fn unchanged(reader: &Schema, writer: &Schema) -> Result<(), String> {
    let changes = meaning_changes(reader, writer);
    match changes.first() {
        None => Ok(()),
        Some(first) => Err(format!("its values would say something else: {first}")),
    }
}

/// Whether values of `writer` may be read as that one of `versions` which has its fingerprint: a fingerprint leaves
/// out logical types. `Ok(false)`: none has it.
pub(crate) fn is_own(writer: &KnownSchema, versions: &[SchemaVersion]) -> Result<bool, String> {
    let written = parse(&writer.json)?;
    let mut outcome = Ok(false);
    let own = versions
        .iter()
        .filter(|it| it.fingerprint == writer.fingerprint);
    for version in own {
        outcome = unchanged(&parse(version.json)?, &written).map(|()| true);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Whether two schemas are alike in bytes, and in what they say to this program and to those who read with the
/// registry's text; else why they are not.
pub(crate) fn same(theirs: &Schema, ours: &Schema) -> Result<(), String> {
    let (their, our) = (theirs.fingerprint(), ours.fingerprint());
    if their != our {
        return Err(format!(
            "its fingerprint is {their:016x}, and that of the version {our:016x}"
        ));
    }
    unchanged(ours, theirs).and_then(|()| unchanged(theirs, ours))
}

/// Whether two schemas are the same but for docs, attributes that Avro does not know, and how they are spelled; else why
/// they are not.
pub(crate) fn alike(theirs: &Schema, ours: &Schema) -> Result<(), String> {
    same(theirs, ours)?;
    let beyond = |their: &Named| beyond_bytes(their, ours.named(&their.name)?);
    theirs.definitions().find_map(beyond).map_or(Ok(()), Err)
}

/// In what two definitions with the same canonical form differ for those who read by them.
fn beyond_bytes(their: &Named, our: &Named) -> Option<String> {
    let name = &their.name;
    if set(&their.aliases) != set(&our.aliases) {
        return Some(format!("`{name}` has other aliases"));
    }
    match (&their.body, &our.body) {
        (Body::Enum { default: their, .. }, Body::Enum { default: our, .. }) => {
            (their != our).then(|| format!("the enum `{name}` has another default"))
        }
        (Body::Record(their), Body::Record(our)) => {
            let mut fields = their.iter().zip(our);
            fields.find_map(|(their, our)| {
                let what = if set(&their.aliases) != set(&our.aliases) {
                    "other aliases"
                } else if !same_default(their.default.as_ref(), our.default.as_ref()) {
                    "another default"
                } else {
                    return None;
                };
                Some(format!("the field `{}` of `{name}` has {what}", our.name))
            })
        }
        _ => None,
    }
}

fn set<T: Ord>(aliases: &[T]) -> BTreeSet<&T> {
    aliases.iter().collect()
}

fn same_default(their: Option<&Value>, our: Option<&Value>) -> bool {
    match (their, our) {
        (Some(their), Some(our)) => same_value(their, our),
        (their, our) => their.is_none() && our.is_none(),
    }
}

/// Whether two values are equal; some tools write `0.0` as the default of a double where others write `0`.
fn same_value(their: &Value, our: &Value) -> bool {
    match (their, our) {
        (Value::Number(their), Value::Number(our)) if their.is_f64() || our.is_f64() => {
            their.as_f64() == our.as_f64()
        }
        (Value::Array(their), Value::Array(our)) => {
            their.len() == our.len() && their.iter().zip(our).all(|(a, b)| same_value(a, b))
        }
        (Value::Object(their), Value::Object(our)) => {
            let same = |(key, it)| our.get(key).is_some_and(|our| same_value(it, our));
            their.len() == our.len() && their.iter().all(same)
        }
        (their, our) => their == our,
    }
}

pub(crate) fn parse(json: &str) -> Result<Schema, String> {
    Schema::parse(json).map_err(|error| error.to_string())
}

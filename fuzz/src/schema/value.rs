//! Any bytes, told as a value of a schema.

use std::sync::LazyLock;

use factum_schema::{Reader, Schema, Value};
use serde::de::IgnoredAny;

use crate::memory::within;

const LOGICAL: &str = r#"{"type": "record", "name": "Logical", "fields": [
    {"name": "a", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}},
    {"name": "b", "type": {"type": "bytes", "logicalType": "big-decimal"}},
    {"name": "c", "type": {"type": "int", "logicalType": "date"}},
    {"name": "d", "type": {"type": "int", "logicalType": "time-millis"}},
    {"name": "e", "type": {"type": "long", "logicalType": "time-micros"}},
    {"name": "f", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "g", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "h", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
    {"name": "i", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
    {"name": "j", "type": {"type": "long", "logicalType": "local-timestamp-nanos"}},
    {"name": "k", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "l", "type": {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}},
    {"name": "m", "type": ["null", "Logical", {"type": "array", "items": ["null", "D"]}]}]}"#;

static SCHEMAS: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    let cases: serde_json::Value = serde_json::from_str(super::CASES).expect("JSON");
    let schemas = cases["schemas"].as_array().expect("schemas").iter();
    let schemas = schemas.filter_map(|schema| Schema::parse(&schema.to_string()).ok());
    let logical = Schema::parse(LOGICAL).expect("a schema");
    std::iter::once(logical).chain(schemas).collect()
});

/// The first byte chooses between logical types and the second's schema; the rest is the value.
pub fn run(bytes: &[u8]) {
    let Some(([logical, which], datum)) = bytes.split_first_chunk() else {
        return;
    };
    let index = if *logical < 64 {
        0
    } else {
        usize::from(*which) + 256 * usize::from(logical % 4)
    };
    let schema = &SCHEMAS[index % SCHEMAS.len()];
    // As documented: a byte vouches for an item and for a field of each record around it, and no record lies in
    // another one more often than there are definitions, but behind bytes of its own.
    let values = datum.len() * (2 + schema.definitions().count()) + Schema::MAX_EMPTY_VALUES;
    let most = 48 * 3 * values + (1 << 16);
    let value = within(most, || schema.value(&mut Reader::new(datum)));
    if let Ok(value) = value {
        assert!(held(&value) <= values);
        let json = value.to_string();
        // Their reader may stop at a depth of 128.
        if let Err(error) = serde_json::from_str::<IgnoredAny>(&json) {
            assert!(
                error.to_string().contains("recursion limit"),
                "{error}: {json}"
            );
        }
    }
}

/// How many values the value holds.
fn held(value: &Value<'_>) -> usize {
    match value {
        Value::Array(items) => items.iter().map(|item| 1 + held(item)).sum(),
        Value::Object(members) => members.iter().map(|(_, value)| 1 + held(value)).sum(),
        _ => 0,
    }
}

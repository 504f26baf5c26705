//! What is odd in a schema, but allowed: a build warns of it, and `Builder::check` tells it.

mod tree;

use tree::Tree;

/// What is told of a version with these fields, in which nothing is wrong.
#[track_caller]
fn warns(fields: &str, expected: &[&str]) {
    let tree = Tree::submitted(&[fields]);
    let checked = tree.builder(false).check(tree.schemas(), &[]).unwrap();
    assert_eq!(checked.findings, []);
    let file = tree.schemas().join("bank/loan/Submitted/1.avsc");
    let told: Vec<_> = checked
        .warnings
        .iter()
        .map(|warning| {
            assert_eq!(warning.file, file.display().to_string());
            format!("{}: {}", warning.pointer, warning.message)
        })
        .collect();
    assert_eq!(told, expected);
    let generated = tree.builder(false);
    let generated = generated.generate_into(tree.schemas(), tree.out()).unwrap();
    assert_eq!(generated.warnings, checked.warnings);
}

#[test]
fn a_logical_type_that_is_unknown() {
    warns(
        r#"{"name": "at", "type": {"type": "long", "logicalType": "timestamp-milis"}}"#,
        &[
            "/fields/0/type: the logical type `timestamp-milis` is unknown or not valid on `long`; it is ignored",
        ],
    );
}

#[test]
fn a_logical_type_on_a_field() {
    warns(
        r#"{"name": "at", "type": "long", "logicalType": "timestamp-millis"},
           {"name": "opened", "type": ["null", "int"], "logicalType": "date"}"#,
        &[
            "/fields/0: `logicalType` stands on the field, where it means nothing; put it on the field's type: \
             \"type\": {\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}",
            "/fields/1: `logicalType` stands on the field, where it means nothing; put it on the field's type: \
             \"type\": {\"type\": …, \"logicalType\": \"date\"}",
        ],
    );
}

#[test]
fn a_logical_type_that_is_misspelled() {
    let means_nothing = |pointer: &str, key: &str| {
        format!(
            "{pointer}: the attribute `{key}` means nothing; the one of Avro is called `logicalType`"
        )
    };
    warns(
        r#"{"name": "at", "type": ["null", {"type": "long", "logicaltype": "timestamp-millis"}]},
           {"name": "all", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
               {"name": "day", "type": "int", "logical_type": "date"}]}}}"#,
        &[
            &means_nothing("/fields/0/type/1", "logicaltype"),
            &means_nothing("/fields/1/type/items/fields/0", "logical_type"),
        ],
    );
}

#[test]
fn values_and_logical_types_that_are_valid_are_not_told() {
    warns(
        r#"{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
           {"name": "m", "type": {"type": "map", "values": "string"}, "default": {"logicaltype": "x"}}"#,
        &[],
    );
}

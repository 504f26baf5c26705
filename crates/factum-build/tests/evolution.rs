//! Which older versions the newest can read. What it makes of them is tested in factum-build-tests,
//! where the generated code runs.

mod tree;

use tree::Tree;

const WIDEN: &str = "keep the type, widen it (int to long, float or double), or add a field of a new name with a \
                     default";
const V1: &str = "(version 1 is schemas/bank/loan/Submitted/1.avsc: ";

fn field(ty: &str) -> String {
    format!(r#"{{"name": "f", "type": {ty}}}"#)
}

/// The way that is always open.
fn upcaster(version: u32) -> String {
    format!(
        "; or read version {version} with Rust code, an upcaster: name {version} in `upcast` under \
         [events.\"bank/loan/Submitted\"] in schemas.toml"
    )
}

#[track_caller]
fn reads(older: &str, newest: &str) {
    assert_eq!(Tree::submitted(&[older, newest]).compile(false), Ok(()));
}

#[track_caller]
fn refuses(older: &str, newest: &str, finding: &str) {
    let expected = format!(
        "schemas/bank/loan/Submitted/2.avsc: {finding}{}",
        upcaster(1)
    );
    assert_eq!(Tree::submitted(&[older, newest]).findings(), [expected]);
}

#[track_caller]
fn refuses_type(older: &str, newest: &str, what: &str) {
    let (older, newest) = (field(older), field(newest));
    let finding = format!("/fields/0/type: {what}; {WIDEN} {V1}/fields/0/type)");
    refuses(&older, &newest, &finding);
}

#[track_caller]
fn refuses_logical(older: &str, newest: &str, what: &str) {
    let (older, newest) = (field(older), field(newest));
    let advice = "keep the logical type, or add a field of a new name with a default";
    let finding = format!("/fields/0/type: {what}; {advice} {V1}/fields/0/type)");
    refuses(&older, &newest, &finding);
}

#[test]
fn what_avro_promotes_is_read() {
    for (older, newest) in [
        ("int", "long"),
        ("int", "float"),
        ("int", "double"),
        ("long", "float"),
        ("long", "double"),
        ("float", "double"),
        ("string", "bytes"),
        ("bytes", "string"),
    ] {
        reads(
            &field(&format!("\"{older}\"")),
            &field(&format!("\"{newest}\"")),
        );
    }
}

#[test]
fn what_is_narrowed_is_refused() {
    for (older, newest) in [
        ("long", "int"),
        ("double", "float"),
        ("float", "long"),
        ("boolean", "int"),
        ("string", "int"),
    ] {
        let what = format!("`{older}` can't be read as `{newest}`");
        refuses_type(&format!("\"{older}\""), &format!("\"{newest}\""), &what);
    }
}

#[test]
fn logical_types_keep_their_meaning() {
    let millis = r#"{"type": "long", "logicalType": "timestamp-millis"}"#;
    let micros = r#"{"type": "long", "logicalType": "timestamp-micros"}"#;
    let date = r#"{"type": "int", "logicalType": "date"}"#;
    let uuid = r#"{"type": "string", "logicalType": "uuid"}"#;
    reads(&field(millis), &field(r#""long""#));
    reads(&field(date), &field(r#""int""#));
    reads(&field(uuid), &field(r#""string""#));
    refuses_logical(
        millis,
        micros,
        "a `timestamp-millis` that was written is read as a `timestamp-micros`",
    );
    let unstated =
        |logical: &str| format!("what was written without a logical type is read as a `{logical}`");
    refuses_logical(r#""long""#, micros, &unstated("timestamp-micros"));
    refuses_logical(r#""string""#, uuid, &unstated("uuid"));
    refuses_logical(
        date,
        micros,
        "a `date` that was written is read as a `timestamp-micros`",
    );
    // Avro widens the number, code generation does not: it would be a date no more.
    let finding = format!(
        "/fields/0/type: date can't be read as long; keep the type, or add a field with a default {V1}/fields/0/type)"
    );
    refuses(&field(date), &field(r#""long""#), &finding);
}

#[test]
fn null_may_be_added_and_not_taken_away() {
    reads(&field(r#""int""#), &field(r#"["null", "long"]"#));
    reads(&field(r#"["int", "null"]"#), &field(r#"["null", "long"]"#));
    refuses(
        &field(r#"["null", "int"]"#),
        &field(r#""int""#),
        &format!("/fields/0/type: `null` can't be read as `int`; {WIDEN} {V1}/fields/0/type/0)"),
    );
    refuses(
        &field(r#"["null", "long"]"#),
        &field(r#"["int", "null"]"#),
        &format!(
            "/fields/0/type: the union has no branch that `long` can be read as; keep the branch: values of it are in the \
             log for as long as the log is {V1}/fields/0/type/1)"
        ),
    );
}

#[test]
fn a_field_without_a_default_is_refused() {
    refuses(
        &field(r#""int""#),
        r#"{"name": "f", "type": "int"}, {"name": "g", "type": "int"}"#,
        &format!(
            "/fields/1: the field `g` has no default, and the `bank.loan.Submitted` that was written has no such field; \
             give it a default, or put the older field's name into its `aliases` {V1}/)"
        ),
    );
    reads(
        &field(r#""int""#),
        r#"{"name": "f", "type": "int"}, {"name": "g", "type": "int", "default": 0}"#,
    );
    reads(
        &field(r#""int""#),
        r#"{"name": "g", "aliases": ["f"], "type": "int"}"#,
    );
    reads(&field(r#""int""#), "");
}

#[test]
fn two_fields_from_one_are_refused() {
    refuses(
        &field(r#""int""#),
        r#"{"name": "f", "type": "int"}, {"name": "g", "type": "int", "aliases": ["f"], "default": 0}"#,
        &format!(
            "/fields/1: `f` and `g` of `bank.loan.Submitted` would both be read from `f`; let one of them go, or take its \
             name out of the `aliases` {V1}/fields/0)"
        ),
    );
}

#[test]
fn symbols_may_go_only_where_there_is_a_default() {
    let e = |rest: &str| field(&format!(r#"{{"type": "enum", "name": "E", {rest}}}"#));
    let both = e(r#""symbols": ["A", "B"]"#);
    reads(&both, &e(r#""symbols": ["B"], "default": "B""#));
    reads(&e(r#""symbols": ["B"]"#), &both);
    refuses(
        &both,
        &e(r#""symbols": ["A"]"#),
        &format!(
            "/fields/0/type/symbols: `bank.loan.E` has no `B`, and no default to read it as; keep the symbols, or give the \
             enum a `default` that they are read as {V1}/fields/0/type/symbols)"
        ),
    );
}

#[test]
fn renamed_types_need_an_alias() {
    let hash = |rest: &str| field(&format!(r#"{{"type": "fixed", {rest}, "size": 4}}"#));
    let record = |rest: &str| field(&format!(r#"{{"type": "record", {rest}, "fields": []}}"#));
    reads(
        &hash(r#""name": "H""#),
        &hash(r#""name": "I", "aliases": ["H"]"#),
    );
    reads(
        &record(r#""name": "H""#),
        &record(r#""name": "I", "aliases": ["bank.loan.H"]"#),
    );
    reads(
        &record(r#""name": "H""#),
        &record(r#""name": "elsewhere.H""#),
    );
    refuses(
        &hash(r#""name": "H""#),
        &hash(r#""name": "H""#).replace('4', "5"),
        &format!(
            "/fields/0/type/size: `bank.loan.H` has 5 bytes, and was written with 4; keep the size, or add a field of a \
             new name with a default for the new fixed {V1}/fields/0/type/size)"
        ),
    );
    refuses(
        &record(r#""name": "H""#),
        &record(r#""name": "I""#),
        &format!(
            "/fields/0/type: `bank.loan.I` is not the `bank.loan.H` that was written; keep the name, or put the older one \
             into the type's `aliases` {V1}/fields/0/type)"
        ),
    );
}

#[test]
fn inner_places_are_named() {
    refuses(
        &field(r#"{"type": "array", "items": {"type": "map", "values": "long"}}"#),
        &field(r#"{"type": "array", "items": {"type": "map", "values": "int"}}"#),
        &format!(
            "/fields/0/type/items/values: `long` can't be read as `int`; {WIDEN} {V1}/fields/0/type/items/values)"
        ),
    );
}

#[test]
fn every_older_version_is_checked_against_the_newest() {
    let tree = Tree::submitted(&[
        &field(r#""long""#),
        &field(r#""double""#),
        &field(r#""float""#),
    ]);
    let findings = tree.findings();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        findings[0].contains("`double` can't be read as `float`"),
        "{findings:?}"
    );
    let place = "(version 2 is schemas/bank/loan/Submitted/2.avsc: /fields/0/type)";
    assert!(findings[0].ends_with(&format!("{place}{}", upcaster(2))));
}

fn lost(branch: &str) -> String {
    format!(
        "the union has no branch that `{branch}` can be read as; keep the branch: values of it are in the log for as long \
         as the log is"
    )
}

#[test]
fn every_branch_of_a_union_needs_a_reader() {
    reads(
        &field(r#"["int", "string"]"#),
        &field(r#"["null", "bytes", "double"]"#),
    );
    reads(&field(r#""int""#), &field(r#"["string", "long"]"#));
    reads(&field(r#"["int", "long"]"#), &field(r#""double""#));
    refuses(
        &field(r#"["int", "string"]"#),
        &field(r#"["null", "long"]"#),
        &format!("/fields/0/type: {} {V1}/fields/0/type/1)", lost("string")),
    );
    refuses(
        &field(r#"["null", "int", "string"]"#),
        &field(r#"["int", "string"]"#),
        &format!("/fields/0/type: {} {V1}/fields/0/type/0)", lost("null")),
    );
    refuses(
        &field(r#"["int", "boolean", "string"]"#),
        &field(r#"["int", "string", "null"]"#),
        &format!("/fields/0/type: {} {V1}/fields/0/type/1)", lost("boolean")),
    );
}

#[test]
fn a_branch_is_found_by_name_and_not_by_shape() {
    let record = |rest: &str| format!(r#"{{"type": "record", {rest}, "fields": []}}"#);
    let (a, b) = (record(r#""name": "A""#), record(r#""name": "B""#));
    let renamed = record(r#""name": "C", "aliases": ["B"]"#);
    reads(
        &field(&format!("[{a}, {b}]")),
        &field(&format!("[{renamed}, {a}]")),
    );
    // Its name says more than another one's alias, wherever they stand.
    let other = r#"{"type": "record", "name": "C", "aliases": ["A"], "fields": [{"name": "n", "type": "int"}]}"#;
    reads(
        &field(&format!("[{a}, {b}]")),
        &field(&format!("[{other}, {a}, {b}]")),
    );
    refuses(
        &field(&format!("[{a}, {b}]")),
        &field(&format!(r#"[{a}, "null", "int"]"#)),
        &format!(
            "/fields/0/type: {} {V1}/fields/0/type/1)",
            lost("bank.loan.B")
        ),
    );
}

#[test]
fn decimals_may_grow_but_not_move_their_point() {
    let decimal =
        |digits: &str| format!(r#"{{"type": "bytes", "logicalType": "decimal", {digits}}}"#);
    let money = decimal(r#""precision": 9, "scale": 2"#);
    reads(
        &field(&money),
        &field(&decimal(r#""precision": 12, "scale": 2"#)),
    );
    reads(&field(&money), &field(r#""bytes""#));
    // Avro says nothing of digits here: what has more of them could not be held.
    let stays = |what: &str| {
        format!(
            "/fields/0/type: {what}; keep the logical type, or add a field of a new name with a default {V1}/fields/0/type)"
        )
    };
    let shorter = decimal(r#""precision": 8, "scale": 2"#);
    let finding = stays("a `decimal` that was written with 9 digits is read with only 8");
    refuses(&field(&money), &field(&shorter), &finding);
    let finer = decimal(r#""precision": 12, "scale": 3"#);
    let finding = stays("a `decimal` that was written with the scale 2 is read with the scale 3");
    refuses(&field(&money), &field(&finer), &finding);
    refuses_logical(
        r#""bytes""#,
        &money,
        "what was written without a logical type is read as a `decimal`",
    );
}

#[test]
fn what_is_wrong_within_a_record_that_contains_itself_is_told_once() {
    let tree = |ty: &str| {
        field(&format!(
            r#"{{"type": "record", "name": "T", "fields": [
                {{"name": "v", "type": "{ty}"}}, {{"name": "l", "type": ["null", "T"]}}, {{"name": "r", "type": ["null", "T"]}}]}}"#
        ))
    };
    reads(&tree("int"), &tree("long"));
    refuses(
        &tree("long"),
        &tree("int"),
        &format!(
            "/fields/0/type/fields/0/type: `long` can't be read as `int`; {WIDEN} {V1}/fields/0/type/fields/0/type)"
        ),
    );
}

//! Changes that break readers of the log: what a newcomer is told of each, by a build and by
//! `factum schema check` in the same words.

use crate::tree::Tree;

const UPCASTER: &str = "; or read version 1 with Rust code, an upcaster: name 1 in `upcast` under \
                        [events.\"bank/loan/Submitted\"] in schemas.toml";

/// The only finding, by both ways, is this.
#[track_caller]
fn refused(tree: &Tree, expected: &str) {
    assert_eq!(tree.build(), [expected]);
    let answer = tree.schema(&["check"]);
    assert_eq!(answer.out, format!("{expected}\n"));
    assert_eq!(
        answer.err,
        "factum: 1 finding in schemas: nothing is released like that\n"
    );
    assert_eq!(answer.code, Some(1));
}

/// A second version after a first, which it can't read.
#[track_caller]
fn breaks(first: &str, second: &str, finding: &str, at: &str, rule: &str) {
    let tree = Tree::released(first);
    tree.submitted(2, second);
    let file = "schemas/bank/loan/Submitted/2.avsc";
    let first = format!("(version 1 is schemas/bank/loan/Submitted/1.avsc: {at})");
    refused(
        &tree,
        &format!("{file}: {finding} {first}{UPCASTER} [{rule}]"),
    );
}

fn field(ty: &str) -> String {
    format!(r#"{{"name": "amount", "type": {ty}}}"#)
}

#[test]
fn a_field_is_added_without_a_default() {
    breaks(
        &field(r#""long""#),
        &format!(
            r#"{}, {{"name": "currency", "type": "string"}}"#,
            field(r#""long""#)
        ),
        "/fields/1: the field `currency` has no default, and the `bank.loan.Submitted` that was written has no such \
         field; give it a default, or put the older field's name into its `aliases`",
        "/",
        "reader-field-missing-default-value",
    );
}

#[test]
fn a_field_is_renamed_without_an_alias() {
    breaks(
        &field(r#""long""#),
        r#"{"name": "amountRequested", "type": "long"}"#,
        "/fields/0: the field `amountRequested` has no default, and the `bank.loan.Submitted` that was written has no \
         such field; give it a default, or put the older field's name into its `aliases`",
        "/",
        "reader-field-missing-default-value",
    );
}

#[test]
fn a_type_is_narrowed() {
    breaks(
        &field(r#""long""#),
        &field(r#""int""#),
        "/fields/0/type: `long` can't be read as `int`; keep the type, widen it (int to long, float or double), or add a \
         field of a new name with a default",
        "/fields/0/type",
        "type-mismatch",
    );
}

#[test]
fn a_type_is_renamed_without_an_alias() {
    let money = |name: &str| {
        field(&format!(
            r#"{{"type": "record", "name": "{name}", "fields": []}}"#
        ))
    };
    breaks(
        &money("Money"),
        &money("Amount"),
        "/fields/0/type: `bank.loan.Amount` is not the `bank.loan.Money` that was written; keep the name, or put the \
         older one into the type's `aliases`",
        "/fields/0/type",
        "name-mismatch",
    );
}

#[test]
fn a_symbol_of_an_enum_is_lost() {
    let channel = |symbols: &str| {
        field(&format!(
            r#"{{"type": "enum", "name": "Channel", "symbols": [{symbols}]}}"#
        ))
    };
    breaks(
        &channel(r#""BRANCH", "FAX", "ONLINE", "PHONE""#),
        &channel(r#""BRANCH", "ONLINE""#),
        "/fields/0/type/symbols: `bank.loan.Channel` has no `FAX`, `PHONE`, and no default to read it as; keep the \
         symbols, or give the enum a `default` that they are read as",
        "/fields/0/type/symbols",
        "missing-enum-symbols",
    );
}

#[test]
fn a_branch_of_a_union_is_lost() {
    breaks(
        &field(r#"["null", "string"]"#),
        &field(r#"["null", "long"]"#),
        "/fields/0/type: the union has no branch that `string` can be read as; keep the branch: values of it are in the \
         log for as long as the log is",
        "/fields/0/type/1",
        "missing-union-branch",
    );
}

#[test]
fn null_is_no_longer_allowed() {
    breaks(
        &field(r#"["null", "long"]"#),
        &field(r#""long""#),
        "/fields/0/type: `null` can't be read as `long`; keep the type, widen it (int to long, float or double), or add \
         a field of a new name with a default",
        "/fields/0/type/0",
        "type-mismatch",
    );
}

#[test]
fn the_size_of_a_fixed_is_changed() {
    let hash = |size: u8| {
        field(&format!(
            r#"{{"type": "fixed", "name": "Hash", "size": {size}}}"#
        ))
    };
    breaks(
        &hash(16),
        &hash(32),
        "/fields/0/type/size: `bank.loan.Hash` has 32 bytes, and was written with 16; keep the size, or add a field of a \
         new name with a default for the new fixed",
        "/fields/0/type/size",
        "fixed-size-mismatch",
    );
}

#[test]
fn a_logical_type_is_changed() {
    let time = |unit: &str| {
        field(&format!(
            r#"{{"type": "long", "logicalType": "timestamp-{unit}"}}"#
        ))
    };
    breaks(
        &time("millis"),
        &time("micros"),
        "/fields/0/type: a `timestamp-millis` that was written is read as a `timestamp-micros`; keep the logical type, or \
         add a field of a new name with a default",
        "/fields/0/type",
        "logical-type-changed",
    );
}

#[test]
fn the_namespace_is_changed() {
    let tree = Tree::released(&field(r#""long""#));
    let text =
        r#"{"type": "record", "name": "Submitted", "namespace": "bank.loans", "fields": []}"#;
    tree.write("bank/loan/Submitted/2.avsc", text);
    refused(
        &tree,
        "schemas/bank/loan/Submitted/2.avsc: /namespace: the record's namespace is `bank.loans`; it must be `bank.loan`, \
         after its folders [schema]",
    );
}

#[test]
fn a_field_without_a_default_is_removed_where_older_readers_count() {
    let tree = Tree::released(&field(r#""long""#));
    tree.submitted(2, "");
    assert_eq!(tree.schema(&["check"]).code, Some(0));
    tree.write(
        "schemas.toml",
        "[contexts.bank]\ncompatibility = \"FULL_TRANSITIVE\"\n",
    );
    refused(
        &tree,
        "schemas/bank/loan/Submitted/2.avsc: the field `amount` has no default, and the `bank.loan.Submitted` that was \
         written has no such field; keep the field: the released version has no default to read in its place (version 1, \
         schemas/bank/loan/Submitted/1.avsc: /fields/0, must read this one: the mode is FULL_TRANSITIVE) \
         [reader-field-missing-default-value]",
    );
}

#[test]
fn a_released_file_is_changed() {
    let tree = Tree::released(&field(r#""long""#));
    tree.submitted(1, &field(r#""double""#));
    refused(
        &tree,
        "schemas/bank/loan/Submitted/1.avsc: this version was released as fingerprint 0a2abb3fab069221, \
         sha256:b31cdd0e52bc5a92d18311405cd1630654af41f60b6e63fa67918c55455daac4, and is now af1555474dbbaf90, \
         sha256:4be8bdcc818928bd6413f0591a4d3c73b0d799b53fe1b41709a0e86e2e02ea54; restore it, and make the change in a \
         new version file; or, if no event of it was ever written, take its line out of schemas.lock [changed]",
    );
}

#[test]
fn a_released_file_is_deleted() {
    let tree = Tree::released(&field(r#""long""#));
    tree.submitted(2, &field(r#""long""#));
    tree.build();
    tree.remove("bank/loan/Submitted/2.avsc");
    refused(
        &tree,
        "schemas/bank/loan/Submitted/2.avsc: this version was released (fingerprint 0a2abb3fab069221, \
         sha256:b31cdd0e52bc5a92d18311405cd1630654af41f60b6e63fa67918c55455daac4) and is gone; restore it: events \
         written with it must stay readable [gone]",
    );
}

#[test]
fn an_event_is_deleted() {
    let tree = Tree::released(&field(r#""long""#));
    tree.remove("bank/loan/Submitted/1.avsc");
    refused(
        &tree,
        "schemas/bank/loan/Submitted: this event was released and its folder is gone; restore it: events of it are in the \
         log for ever, and must stay readable. If nobody produces it any more, retire it: in schemas/schemas.toml, write \
         `retired = \"why\"` under [events.\"bank/loan/Submitted\"] [gone]",
    );
}

#[test]
fn all_findings_are_listed() {
    let tree = Tree::released(r#"{"name": "a", "type": "long"}, {"name": "b", "type": "string"}"#);
    tree.submitted(2, r#"{"name": "a", "type": "int"}, {"name": "b", "type": "boolean"}, {"name": "c", "type": "int"}"#);
    tree.write("bank/loan/Declined/1.avsc", "{}");
    let answer = tree.schema(&["check", "--json"]);
    let places: Vec<(String, String)> = answer
        .out
        .lines()
        .map(|line| {
            let finding: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(finding["message"].as_str().unwrap().contains(' '), "{line}");
            (
                finding["pointer"].as_str().unwrap().to_owned(),
                finding["rule"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [
        ("", "schema"),
        ("/fields/0/type", "type-mismatch"),
        ("/fields/1/type", "type-mismatch"),
        ("/fields/2", "reader-field-missing-default-value"),
    ];
    assert_eq!(
        places,
        expected.map(|(at, rule)| (at.to_owned(), rule.to_owned()))
    );
    assert_eq!(
        answer.err,
        "factum: 4 findings in schemas: nothing is released like that\n"
    );
}

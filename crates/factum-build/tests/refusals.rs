//! What code can't be generated for: each case is refused, with its file and JSON pointer.

mod tree;

use factum_build::Builder;
use tree::{Tree, event};

/// Refuses a field of the type `ty`, at that pointer.
#[track_caller]
fn refuses(ty: &str, pointer: &str, message: &str) {
    let tree = Tree::submitted(&[&format!(r#"{{"name": "f", "type": {ty}}}"#)]);
    let expected = format!("schemas/bank/loan/Submitted/1.avsc: {pointer}: {message}");
    assert_eq!(tree.findings(), [expected]);
}

#[track_caller]
fn refuses_logical(plain: &str, logical: &str) {
    let ty =
        format!(r#"{{"type": "{plain}", "logicalType": "{logical}", "precision": 4, "scale": 2}}"#);
    let message = format!(
        "the logical type `{logical}` on `{plain}` is not supported; supported are timestamp-millis and \
         timestamp-micros on long, date on int, and uuid on string"
    );
    refuses(&ty, "/fields/0/type/logicalType", &message);
}

#[test]
fn logical_types_without_a_meaning_here() {
    refuses_logical("bytes", "decimal");
    refuses_logical("bytes", "personal");
    refuses_logical("int", "time-millis");
    refuses_logical("long", "time-micros");
    refuses_logical("long", "timestamp-nanos");
    refuses_logical("long", "local-timestamp-micros");
    refuses_logical("int", "timestamp-micros");
    refuses_logical("long", "date");
    refuses_logical("string", "made-up");
    let on = "supported are timestamp-millis and timestamp-micros on long, date on int, and uuid on string";
    refuses(
        r#"{"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}"#,
        "/fields/0/type/logicalType",
        &format!("the logical type `duration` on `bank.loan.D` is not supported; {on}"),
    );
    refuses(
        r#"["null", {"type": "array", "items": {"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}}]"#,
        "/fields/0/type/1/items/logicalType",
        &format!("the logical type `uuid` on `bank.loan.U` is not supported; {on}"),
    );
}

#[test]
fn unions_of_more_than_null_and_a_type() {
    let message = "this union is not supported; supported are unions of null and one other type";
    for union in [
        r#"["int", "string"]"#,
        r#"["null", "int", "string"]"#,
        r#"["null"]"#,
        "[]",
    ] {
        refuses(union, "/fields/0/type", message);
    }
    refuses(
        r#""null""#,
        "/fields/0/type",
        "`null` is supported only within a union",
    );
}

#[test]
fn records_that_contain_themselves() {
    refuses(
        r#"{"type": "record", "name": "Tree", "fields": [
            {"name": "children", "type": {"type": "array", "items": "Tree"}}]}"#,
        "/fields/0/type/fields/0/type/items",
        "the record `bank.loan.Tree` contains itself; not supported",
    );
}

#[test]
fn arrays_whose_items_take_no_bytes() {
    refuses(
        r#"{"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}"#,
        "/fields/0/type/items",
        "the items of this array take no bytes, so a reader could not tell a true number of items from a false one; \
         not supported",
    );
}

#[test]
fn enums_without_symbols() {
    refuses(
        r#"{"type": "enum", "name": "E", "symbols": []}"#,
        "/fields/0/type",
        "an enum without symbols has no values",
    );
}

#[test]
fn defaults_that_rust_can_not_hold() {
    for (ty, default, label) in [
        (
            r#"{"type": "long", "logicalType": "timestamp-micros"}"#,
            "9223372036854775807",
            "timestamp-micros",
        ),
        (
            r#"{"type": "int", "logicalType": "date"}"#,
            "2147483647",
            "date",
        ),
        (
            r#"{"type": "string", "logicalType": "uuid"}"#,
            r#""no""#,
            "uuid",
        ),
    ] {
        let tree = Tree::submitted(&[&format!(
            r#"{{"name": "f", "type": {ty}, "default": {default}}}"#
        )]);
        let expected = format!(
            "schemas/bank/loan/Submitted/1.avsc: /fields/0/default: {default} is no value of {label}"
        );
        assert_eq!(tree.findings(), [expected]);
    }
}

#[test]
fn schemas_that_are_not_valid_avro() {
    let tree = Tree::submitted(&[r#"{"name": "a", "type": "integer"}, {"name": "b"}"#]);
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/loan/Submitted/1.avsc: /fields/0/type: unknown type `bank.loan.integer`; a type is defined \
             before it is used by name",
            "schemas/bank/loan/Submitted/1.avsc: /fields/1: `type` is missing",
        ]
    );
}

#[test]
fn events_that_are_not_what_their_folder_says() {
    let tree = Tree::new(&[
        ("bank/loan/Declined/1.avsc", &event("Rejected", "")),
        ("bank/work/Started/1.avsc", &event("Started", "")),
        (
            "bank/work/Ended/1.avsc",
            r#"{"type": "enum", "name": "Ended", "namespace": "bank.work", "symbols": ["A"]}"#,
        ),
    ]);
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/loan/Declined/1.avsc: /name: the record is called `Rejected`, its folder `Declined`; name it \
             after the folder",
            "schemas/bank/work/Ended/1.avsc: an event is a record",
            "schemas/bank/work/Started/1.avsc: /namespace: the record's namespace is `bank.loan`; it must be \
             `bank.work`, after its folders",
        ]
    );
}

#[test]
fn files_that_lie_in_the_wrong_place() {
    let plan = "schemas are <context>/<aggregate>/<Event>/<n>.avsc, with n = 1, 2, 3, …";
    let tree = Tree::new(&[
        ("bank/loan/Submitted/01.avsc", "{}"),
        ("bank/loan/Submitted/latest.avsc", "{}"),
        ("bank/loan/2.avsc", "{}"),
        ("bank/loan/Submitted/more/1.avsc", "{}"),
        ("bank/my-loan/Submitted/1.avsc", "{}"),
        ("README.md", "# free"),
        (".hidden/x.avsc", "{}"),
    ]);
    assert_eq!(
        tree.findings(),
        [
            format!("schemas/bank/loan/2.avsc: not where a version file lies: {plan}"),
            format!("schemas/bank/loan/Submitted/01.avsc: not named after a version: {plan}"),
            format!("schemas/bank/loan/Submitted/latest.avsc: not named after a version: {plan}"),
            format!("schemas/bank/loan/Submitted/more: a folder is not expected here: {plan}"),
            "schemas/bank/my-loan: the folder's name is not one that Avro and Rust take: letters, digits and \
             underscores, not starting with a digit"
                .to_owned(),
        ]
    );
}

#[test]
fn a_version_that_is_missing() {
    let tree = Tree::new(&[
        ("bank/loan/Submitted/1.avsc", &event("Submitted", "")),
        ("bank/loan/Submitted/3.avsc", &event("Submitted", "")),
    ]);
    assert_eq!(
        tree.findings(),
        ["schemas/bank/loan/Submitted/3.avsc: version 2 is missing: versions are 1, 2, 3, …"]
    );
}

#[test]
fn a_folder_that_is_missing() {
    let error = Builder::new()
        .out_dir("/nowhere")
        .compile("/no/such/folder")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no code was generated from the Avro schemas\n\
         /no/such/folder: can't read the folder: No such file or directory (os error 2)"
    );
    assert_eq!(format!("{error:?}"), error.to_string());
}

#[test]
fn names_that_are_one_in_rust() {
    let tree = Tree::new(&[
        (
            "bank/loan/Submitted/1.avsc",
            &event(
                "Submitted",
                r#"{"name": "paidBack", "type": "int"}, {"name": "paid_back", "type": "int"},
                   {"name": "self", "type": "int"}, {"name": "self_", "type": "int"}, {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A_B", "aB"]}}"#,
            ),
        ),
        ("bank/loan/LoanEvent/1.avsc", &event("LoanEvent", "")),
    ]);
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/loan/LoanEvent/1.avsc: `LoanEvent` is the name of the enum over all events",
            "schemas/bank/loan/Submitted/1.avsc: /fields/4/type/symbols/1: `A_B` and `aB` would both be `AB` in Rust; \
             rename one",
            "schemas/bank/loan/Submitted/1.avsc: /fields/1: `paidBack` and `paid_back` would both be `paid_back` in \
             Rust; rename one",
            "schemas/bank/loan/Submitted/1.avsc: /fields/3: `self` and `self_` would both be `self_` in Rust; rename one",
        ]
    );
}

#[test]
fn types_that_two_events_define_otherwise() {
    let money = |ty: &str| {
        format!(
            r#"{{"name": "m", "type": {{"type": "record", "name": "Money", "fields": [{{"name": "n", "type": "{ty}"}}]}}}}"#
        )
    };
    let tree = Tree::new(&[
        (
            "bank/loan/Declined/1.avsc",
            &event("Declined", &money("int")),
        ),
        (
            "bank/loan/Submitted/1.avsc",
            &event("Submitted", &money("long")),
        ),
    ]);
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/loan/Submitted/1.avsc: /fields/0/type: two definitions of `bank.loan.Money` would be one Rust \
             type, the other is at schemas/bank/loan/Declined/1.avsc: /fields/0/type; make them the same in both \
             events' newest versions, or rename one"
        ]
    );
    tree.write(
        "bank/loan/Declined/1.avsc",
        &event("Declined", &money("long")),
    );
    assert_eq!(tree.compile(false), Ok(()));
}

#[test]
fn nothing_is_written_when_anything_is_wrong() {
    let tree = Tree::new(&[
        ("bank/loan/Declined/1.avsc", &event("Declined", "")),
        ("bank/work/Started/1.avsc", "nonsense"),
    ]);
    tree.findings();
    assert!(!tree.schemas().join("schemas.lock").exists());
    assert_eq!(std::fs::read_dir(tree.out()).unwrap().count(), 0);
}

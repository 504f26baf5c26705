//! What code can't be generated for: each case is refused, with its file and JSON pointer.

mod tree;

use factum_build::{Builder, Decimals};
use tree::{Tree, event};

/// Refuses a field of the type `ty`, at that pointer.
#[track_caller]
fn refuses(ty: &str, pointer: &str, message: &str) {
    let tree = Tree::submitted(&[&format!(r#"{{"name": "f", "type": {ty}}}"#)]);
    let expected = format!("schemas/bank/loan/Submitted/1.avsc: {pointer}: {message}");
    assert_eq!(tree.findings(), [expected]);
}

#[test]
fn decimals_of_more_digits_than_rust_holds() {
    let message =
        "a decimal of 39 digits is not supported, 38 is the most; use the logical type big-decimal";
    refuses(
        r#"{"type": "bytes", "logicalType": "decimal", "precision": 39, "scale": 2}"#,
        "/fields/0/type",
        message,
    );
    refuses(
        r#"["null", {"type": "fixed", "name": "D", "size": 20, "logicalType": "decimal", "precision": 39}]"#,
        "/fields/0/type/1",
        message,
    );
}

#[test]
fn decimals_of_more_digits_than_rust_decimal_holds() {
    let decimal = |digits: u32| {
        format!(
            r#"{{"type": "bytes", "logicalType": "decimal", "precision": {digits}, "scale": 2}}"#
        )
    };
    let (fits, long) = (decimal(28), decimal(29));
    let fixed =
        r#"{"type": "fixed", "name": "D", "size": 20, "logicalType": "decimal", "precision": 38}"#;
    let tree = Tree::submitted(&[&format!(
        r#"{{"name": "a", "type": {fits}}},
           {{"name": "b", "type": {long}}},
           {{"name": "c", "type": ["null", {{"type": "array", "items": {long}}}]}},
           {{"name": "d", "type": ["int", "string", {{"type": "map", "values": {fixed}}}]}},
           {{"name": "e", "type": {{"type": "record", "name": "E", "fields": [{{"name": "f", "type": "D"}}]}}}}"#
    )]);
    assert_eq!(tree.compile(false), Ok(()), "Factum's own holds 38");
    let builder = tree.builder(false).decimals(Decimals::RustDecimal);
    let error = builder.compile(tree.schemas()).unwrap_err();
    let found: Vec<_> = error
        .findings()
        .iter()
        .map(|finding| (finding.pointer.as_str(), finding.message.as_str()))
        .collect();
    let message = |digits| {
        format!(
            "a decimal of {digits} digits is too long for a `rust_decimal::Decimal`, 28 is the most; use no more, the \
             logical type big-decimal, or Factum's own decimals (`Decimals::Factum`, `--decimals factum`)"
        )
    };
    let (long, longest) = (message(29), message(38));
    assert_eq!(
        found,
        [
            ("/fields/4/type/fields/0/type", longest.as_str()),
            ("/fields/1/type", &long),
            ("/fields/2/type/1/items", &long),
            ("/fields/3/type/2/values", &longest),
        ]
    );
    assert!(
        error.findings()[0]
            .file
            .ends_with("schemas/bank/loan/Submitted/1.avsc")
    );
}

#[test]
fn older_versions_may_have_more_digits_than_rust_decimal_holds() {
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 38}"#;
    let amount = format!(r#"{{"name": "amount", "type": {decimal}}}"#);
    let tree = Tree::submitted(&[
        &amount,
        r#"{"name": "cents", "type": "long", "default": 0}"#,
    ]);
    let builder = tree.builder(false).decimals(Decimals::RustDecimal);
    assert_eq!(builder.compile(tree.schemas()), Ok(()));
    let upcast = "[events.\"bank/loan/Submitted\"]\nupcast = [1]";
    tree.write("schemas.toml", upcast);
    let error = builder.compile(tree.schemas()).unwrap_err();
    let [finding] = error.findings() else {
        panic!("{error}")
    };
    assert_eq!(
        finding.pointer, "/fields/0/type",
        "the upcaster gets a struct"
    );
}

#[test]
fn unions_without_a_value() {
    for union in [r#"["null"]"#, "[]"] {
        refuses(
            union,
            "/fields/0/type",
            "a union needs a branch other than null",
        );
    }
}

#[test]
fn records_that_have_no_end() {
    let message = "every `bank.loan.Tree` contains another one, so that none has an end; put a union with null, an \
                   array or a map between";
    refuses(
        r#"{"type": "record", "name": "Tree", "fields": [{"name": "child", "type": "Tree"}]}"#,
        "/fields/0/type",
        message,
    );
    let tree = Tree::submitted(&[
        r#"{"name": "f", "type": {"type": "record", "name": "A", "fields": [
        {"name": "b", "type": {"type": "record", "name": "B", "fields": [{"name": "a", "type": "A"}]}}]}}"#,
    ]);
    let findings = tree.findings();
    assert_eq!(findings.len(), 2, "{findings:?}");
    let event = Tree::submitted(&[r#"{"name": "again", "type": "Submitted"}"#]).findings();
    assert_eq!(event.len(), 1, "{event:?}");
}

#[test]
fn unions_and_types_of_one_name() {
    let tree = Tree::submitted(&[r#"{"name": "kind", "type": ["int", "string"]},
        {"name": "other", "type": {"type": "record", "name": "SubmittedKind", "fields": []}}"#]);
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/loan/Submitted/1.avsc: /fields/1/type: the union in the field `kind` of `bank.loan.Submitted` \
             and `bank.loan.SubmittedKind` would both be one Rust type, the other is at \
             schemas/bank/loan/Submitted/1.avsc: /fields/0; make them the same in both events' newest versions, or \
             rename one"
        ]
    );
}

#[test]
fn defaults_without_an_end() {
    let tree = Tree::submitted(&[
        r#"{"name": "f", "type": {"type": "record", "name": "R", "fields": [
        {"name": "r", "type": ["R", "null"], "default": {}}]}, "default": {}}"#,
    ]);
    let findings = tree.findings();
    assert!(findings[0].contains("is no value of"), "{findings:?}");
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
             before it is used by name; did you mean `int` or `long`?",
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
fn names_of_borrowed_forms() {
    let text = r#"{"name": "text", "type": "string"}"#;
    let tree = Tree::new(&[
        ("bank/loan/LoanEventRef/1.avsc", &event("LoanEventRef", "")),
        ("bank/loan/Submitted/1.avsc", &event("Submitted", text)),
        ("bank/loan/SubmittedRef/1.avsc", &event("SubmittedRef", "")),
    ]);
    assert_eq!(tree.compile(false), Ok(()));
    let builder = Builder::new().borrowed(true).locked(false);
    let error = builder
        .generate_into(tree.schemas(), tree.out())
        .unwrap_err();
    let messages: Vec<_> = error
        .findings()
        .iter()
        .map(|f| f.message.as_str())
        .collect();
    assert_eq!(
        messages,
        [
            "`LoanEventRef` is the name of the borrowed form of `LoanEvent`; rename one, or do without `borrowed`",
            "`SubmittedRef` is the name of the borrowed form of `Submitted`; rename one, or do without `borrowed`"
        ]
    );
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

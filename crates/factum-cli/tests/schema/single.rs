//! `factum schema show | compat | canonical | fingerprint | generate`.

use crate::tree::Tree;

const V1: &str = "schemas/bank/loan/Submitted/1.avsc";
const V2: &str = "schemas/bank/loan/Submitted/2.avsc";

fn tree() -> Tree {
    let tree = Tree::released(r#"{"name": "amount", "type": "long"}"#);
    tree.submitted(
        2,
        r#"{"name": "amount", "type": {"type": "double"}, "doc": "In euros."}"#,
    );
    tree
}

#[track_caller]
fn says(arguments: &[&str], code: i32, out: &str) {
    let answer = tree().schema(arguments);
    assert_eq!(
        (answer.out.as_str(), answer.code),
        (out, Some(code)),
        "{}",
        answer.err
    );
}

#[test]
fn the_versions_of_a_tree() {
    let tree = tree();
    tree.write(
        "schemas.toml",
        "[events.\"bank/loan/Submitted\"]\nupcast = [1]\nretired = \"Loans are bought.\"",
    );
    let expected = "\
EVENT                VERSION  FINGERPRINT       STATE     READ      SAID
bank/loan/Submitted        1  0a2abb3fab069221  released  upcast    retired: Loans are bought.
bank/loan/Submitted        2  af1555474dbbaf90  new       straight  retired: Loans are bought.
";
    assert_eq!(tree.schema(&["show"]).out, expected);
    let lines = tree.schema(&["show", "--json"]).out;
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["version"], &first["upcast"], &first["newest"]),
        (&1.into(), &true.into(), &false.into())
    );
}

#[test]
fn a_schemas_form_and_fingerprint() {
    let form = r#"{"name":"bank.loan.Submitted","type":"record","fields":[{"name":"amount","type":"double"}]}"#;
    says(&["canonical", V2], 0, &format!("{form}\n"));
    says(
        &["fingerprint", V2],
        0,
        &format!("{:016x}\n", factum::schema::crc64_avro(form.as_bytes())),
    );
}

#[test]
fn two_schemas() {
    let note = "/fields/0/type: backward: not every `long` has all of its digits as a `double`; use a type that holds every \
                digit, or accept the loss [note: lossy-promotion]\n";
    says(&["compat", V1, V2], 0, note);
    let line = "/fields/0/type: backward: `double` can't be read as `long`; keep the type, widen it (int to long, float or \
                double), or add a field of a new name with a default [type-mismatch]\n";
    says(&["compat", V2, V1], 1, line);
    let answer = tree().schema(&["compat", V1, V2, "--mode", "full", "--json"]);
    let lines: Vec<_> = answer.out.lines().collect();
    let found: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(
        (&found["direction"], &found["rule"]),
        (&"forward".into(), &"type-mismatch".into())
    );
    assert_eq!(
        (&found["older"], &found["newer"]),
        (&"/fields/0/type".into(), &"/fields/0/type".into())
    );
    assert_eq!(answer.err, "factum: 1 finding under FULL\n");
}

#[test]
fn what_is_no_schema_is_told() {
    let tree = tree();
    tree.write("x.avsc", r#"{"type": "record", "name": "X"}"#);
    let answer = tree.schema(&["fingerprint", "schemas/x.avsc"]);
    assert_eq!(answer.code, Some(1));
    assert_eq!(
        answer.err,
        "factum: schemas/x.avsc is no schema: `fields` is missing, or not an array\n"
    );
    let answer = tree.schema(&["canonical", "y.avsc"]);
    assert!(
        answer.err.starts_with("factum: cannot read y.avsc: "),
        "{}",
        answer.err
    );
}

#[test]
fn code_that_borrows() {
    let tree = Tree::released(r#"{"name": "text", "type": "string"}"#);
    let code = |flags: &[&str]| {
        let answer = tree.schema(&[&["generate"], flags, &["schemas", "src/events"]].concat());
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        std::fs::read_to_string(tree.path().join("src/events/bank.loan.rs")).unwrap()
    };
    assert!(!code(&[]).contains("LoanEventRef"));
    assert!(code(&["--borrowed"]).contains("pub enum LoanEventRef<'a> {"));
}

#[test]
fn code_to_check_in() {
    let tree = tree();
    tree.write(
        "schemas.toml",
        "[events.\"bank/loan/Submitted\"]\nupcast = [1]",
    );
    let generate = || tree.schema(&["generate", "schemas", "src/events"]);
    let answer = generate();
    assert_eq!(
        (answer.out.as_str(), answer.code),
        ("wrote src/events/bank.loan.rs\n", Some(0)),
        "{}",
        answer.err
    );
    let code = std::fs::read_to_string(tree.path().join("src/events/bank.loan.rs")).unwrap();
    assert!(
        code.contains("pub enum LoanEvent {") && code.contains("pub mod v1 {"),
        "{code}"
    );
    assert_eq!((generate().out.as_str(), generate().code), ("", Some(0)));
    tree.write("schemas.toml", "");
    tree.submitted(2, r#"{"name": "euros", "type": "long"}"#);
    let answer = generate();
    assert_eq!(answer.code, Some(1));
    let start =
        "factum: no code was generated from the Avro schemas\nschemas/bank/loan/Submitted/2.avsc: ";
    assert!(answer.err.starts_with(start), "{}", answer.err);
}

#[test]
fn code_with_the_types_of_other_crates() {
    let tree = tree();
    tree.submitted(
        2,
        r#"{"name": "amount", "type": "long"},
           {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}, "default": 0},
           {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
            "default": "\u0000"}"#,
    );
    let generate = |flags: &[&str]| {
        let answer = tree.schema(&[&["generate", "schemas", "src/events"], flags].concat());
        assert_eq!(answer.code, Some(0), "{}", answer.err);
        std::fs::read_to_string(tree.path().join("src/events/bank.loan.rs")).unwrap()
    };
    let own = generate(&[]);
    assert!(own.contains("at: ::factum::jiff::Timestamp,"), "{own}");
    assert!(
        own.contains("price: ::factum::schema::Decimal<9, 2>,"),
        "{own}"
    );
    let code = generate(&["--times", "chrono", "--decimals", "rust_decimal"]);
    let at = "at: ::factum::chrono::DateTime<::factum::chrono::Utc>,";
    assert!(code.contains(at), "{code}");
    assert!(
        code.contains("price: ::factum::rust_decimal::Decimal,"),
        "{code}"
    );
    let code = generate(&["--times", "time", "--decimals", "factum"]);
    assert!(
        code.contains("at: ::factum::time::OffsetDateTime,"),
        "{code}"
    );
    assert_eq!(generate(&["--times", "jiff"]), own);
    let answer = tree.schema(&["generate", "--times", "date", "schemas", "src/events"]);
    assert_eq!(answer.code, Some(2));
    let values = "[possible values: jiff, chrono, time]";
    assert!(answer.err.contains(values), "{}", answer.err);
}

#[test]
fn a_check_says_what_a_build_with_the_same_options_would() {
    let tree = Tree::empty();
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 30}"#;
    let fields =
        format!(r#"{{"name": "note", "type": "string"}}, {{"name": "amount", "type": {decimal}}}"#);
    tree.submitted(1, &fields);
    let other =
        r#"{"type": "record", "name": "SubmittedRef", "namespace": "bank.loan", "fields": []}"#;
    tree.write("bank/loan/SubmittedRef/1.avsc", other);
    assert_eq!(tree.schema(&["check"]).code, Some(0));
    for (options, told) in [
        (
            &["--decimals", "rust_decimal"][..],
            "Submitted/1.avsc: /fields/1/type: a decimal of 30 digits is too long",
        ),
        (
            &["--borrowed"],
            "`SubmittedRef` is the name of the borrowed form of `Submitted`",
        ),
    ] {
        for command in [&["check", "schemas"][..], &["generate", "schemas", "out"]] {
            let answer = tree.schema(&[command, options].concat());
            assert_eq!(answer.code, Some(1), "{command:?}");
            let said = answer.out + &answer.err;
            assert!(said.contains(told), "{command:?}: {said}");
        }
    }
    let chrono = tree.schema(&["check", "--times", "chrono"]);
    assert_eq!(chrono.code, Some(0), "{}", chrono.err);
}

//! Generated code in a folder that is checked in.

mod tree;

use std::fs;

use factum_build::{Builder, Decimals};
use tree::{Tree, event};

fn names(paths: &[std::path::PathBuf]) -> Vec<String> {
    let name = |path: &std::path::PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(name).collect()
}

fn two_aggregates() -> Tree {
    Tree::new(&[
        ("bank/loan/Submitted/1.avsc", &event("Submitted", "")),
        (
            "bank/work/Started/1.avsc",
            r#"{"type": "record", "name": "Started", "namespace": "bank.work", "fields": []}"#,
        ),
    ])
}

#[test]
fn only_what_has_changed_is_written() {
    let tree = two_aggregates();
    let generate = || {
        Builder::new()
            .locked(false)
            .generate_into(tree.schemas(), tree.out())
            .unwrap()
    };
    assert_eq!(names(&generate().changed), ["bank.loan.rs", "bank.work.rs"]);
    let written = || {
        fs::metadata(tree.out().join("bank.work.rs"))
            .unwrap()
            .modified()
            .unwrap()
    };
    let before = written();
    assert_eq!(generate().changed, [""; 0].map(std::path::PathBuf::from));

    tree.write("bank/loan/Declined/1.avsc", &event("Declined", ""));
    assert_eq!(names(&generate().changed), ["bank.loan.rs"]);
    assert_eq!(written(), before);
}

#[test]
fn schemas_are_included_by_the_path_from_the_folder() {
    let tree = two_aggregates();
    let target = tree.out().join("events");
    Builder::new()
        .locked(false)
        .generate_into(tree.schemas(), &target)
        .unwrap();
    let text = fs::read_to_string(target.join("bank.loan.rs")).unwrap();
    assert!(
        text.contains("include_str!(\"../../schemas/bank/loan/Submitted/1.avsc\")"),
        "{text}"
    );
}

#[cfg(unix)]
#[test]
fn files_have_the_mode_that_all_new_files_have() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: std::path::PathBuf| fs::metadata(path).unwrap().permissions().mode();
    let tree = two_aggregates();
    tree.compile(false).unwrap();
    tree.write("other", "");
    let usual = mode(tree.schemas().join("other"));
    assert_eq!(mode(tree.out().join("bank.loan.rs")), usual);
    assert_eq!(mode(tree.schemas().join("schemas.lock")), usual);
}

#[test]
fn what_was_generated_for_an_aggregate_that_is_gone_goes() {
    let tree = two_aggregates();
    let generate = || {
        Builder::new()
            .locked(false)
            .generate_into(tree.schemas(), tree.out())
            .unwrap()
    };
    generate();
    fs::write(tree.out().join("mine.rs"), "// By hand.").unwrap();
    fs::remove_dir_all(tree.schemas().join("bank/work")).unwrap();
    fs::remove_file(tree.schemas().join("schemas.lock")).unwrap();
    assert_eq!(names(&generate().removed), ["bank.work.rs"]);
    assert!(tree.out().join("mine.rs").exists());
    assert!(!tree.out().join("bank.work.rs").exists());
}

#[test]
fn logical_types_without_a_meaning_are_warnings() {
    let odd = |logical: &str| format!(r#"{{"type": "long", "logicalType": "{logical}"}}"#);
    let tree = Tree::submitted(&[
        &format!(r#"{{"name": "f", "type": {}}}"#, odd("made-up")),
        &format!(r#"{{"name": "f", "type": {}}}"#, odd("date")),
    ]);
    let generated = Builder::new()
        .locked(false)
        .generate_into(tree.schemas(), tree.out())
        .unwrap();
    let warnings: Vec<_> = generated
        .warnings
        .iter()
        .map(|w| (w.pointer.as_str(), w.message.as_str()))
        .collect();
    let message = "the logical type `date` is unknown or not valid on `long`; it is ignored";
    assert_eq!(warnings, [("/fields/0/type", message)]);
    let text = fs::read_to_string(tree.out().join("bank.loan.rs")).unwrap();
    assert!(text.contains("pub f: i64"), "{text}");
}

#[test]
fn serde_calls_everything_as_avro_does() {
    let fields = r#"{"name": "paidBack", "type": ["int", "string"]}"#;
    let tree = Tree::submitted(&[fields]);
    let builder = Builder::new().locked(false).serde(true);
    builder.generate_into(tree.schemas(), tree.out()).unwrap();
    let text = fs::read_to_string(tree.out().join("bank.loan.rs")).unwrap();
    for expected in [
        "#[serde(rename = \"paidBack\")]\n    pub paid_back: SubmittedPaidBack",
        "#[serde(rename = \"int\")]\n    Int(i32)",
        "#[serde(rename = \"Submitted\")]\n    Submitted(Submitted)",
    ] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn rust_decimals_say_what_can_be_read() {
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}"#;
    let tree = Tree::submitted(&[&format!(
        r#"{{"name": "price", "type": ["null", {decimal}]}}"#
    )]);
    let builder = tree.builder(false);
    let text = |decimals| {
        let builder = builder.clone().decimals(decimals);
        builder.compile(tree.schemas()).unwrap();
        fs::read_to_string(tree.out().join("bank.loan.rs")).unwrap()
    };
    let told = "At most 9 digits, 2 of them behind the point: any other number can be written, but not read.";
    assert!(text(Decimals::RustDecimal).contains(told));
    assert!(!text(Decimals::Factum).contains("can be written"));
}

#[test]
fn serde_is_told_of_long_fixeds_only() {
    let fixed = |size| format!(r#"{{"type": "fixed", "name": "F{size}", "size": {size}}}"#);
    let tree = Tree::submitted(&[&format!(
        r#"{{"name": "a", "type": {}}}, {{"name": "b", "type": {}}}"#,
        fixed(32),
        fixed(33)
    )]);
    let text = |serde| {
        let builder = tree.builder(false).facade("my::facade").serde(serde);
        builder.compile(tree.schemas()).unwrap();
        fs::read_to_string(tree.out().join("bank.loan.rs")).unwrap()
    };
    let told = "#[serde(with = \"my::facade::schema::serde_fixed\")]\n    pub b: [u8; 33]";
    assert!(text(true).contains(told));
    assert_eq!(text(true).matches("serde_fixed").count(), 1);
    assert!(!text(false).contains("serde"));
}

#[test]
fn what_holds_text_or_bytes_has_a_borrowed_form_if_it_is_asked_for() {
    let fields = r#"{"name": "note", "type": ["string", "bytes"]}, {"name": "term", "type":
        {"type": "record", "name": "Term", "fields": [{"name": "months", "type": "int"}]}}"#;
    let tree = Tree::submitted(&[fields]);
    let generate = |borrowed| {
        let builder = Builder::new().locked(false).serde(true);
        let builder = builder.borrowed(borrowed);
        builder.generate_into(tree.schemas(), tree.out()).unwrap();
        fs::read_to_string(tree.out().join("bank.loan.rs")).unwrap()
    };
    let owned = generate(false);
    assert!(!owned.contains("Ref"), "{owned}");
    let both = generate(true);
    for expected in [
        "pub enum LoanEventRef<'a> {",
        "    Submitted(SubmittedRef<'a>),",
        "    pub note: SubmittedNoteRef<'a>,",
        "    String(&'a str),",
        "    Bytes(&'a [u8]),",
    ] {
        assert!(both.contains(expected), "{both}");
    }
    assert!(!both.contains("TermRef"), "{both}");
    let derives = |text: &str| text.matches("::serde::Serialize").count();
    assert_eq!(derives(&both), derives(&owned), "they are only read");
}

#[test]
fn an_aggregate_without_text_and_bytes_has_nothing_to_borrow() {
    let tree =
        Tree::submitted(&[r#"{"name": "counts", "type": {"type": "array", "items": "int"}}"#]);
    let builder = Builder::new().locked(false).borrowed(true);
    builder.generate_into(tree.schemas(), tree.out()).unwrap();
    let text = fs::read_to_string(tree.out().join("bank.loan.rs")).unwrap();
    assert!(!text.contains("Ref"), "{text}");
}

#[test]
fn nothing_is_written_unless_everything_is_in_order() {
    let tree = two_aggregates();
    assert_eq!(tree.compile(false), Ok(()));
    tree.write("bank/loan/Declined/1.avsc", "nonsense");
    let target = tree.out().join("events");
    let error = Builder::new()
        .locked(false)
        .generate_into(tree.schemas(), &target)
        .unwrap_err();
    assert_eq!(error.findings().len(), tree.findings().len());
    assert!(!target.exists());
}

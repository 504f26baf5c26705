//! `schemas.lock`: what was released stays as it was.

mod tree;

use tree::{Tree, event};

const FILE: &str = "bank/loan/Submitted/1.avsc";
const FIELD: &str = r#"{"name": "amount", "type": "long", "default": 1}"#;

fn lock(tree: &Tree) -> String {
    std::fs::read_to_string(tree.schemas().join("schemas.lock")).unwrap()
}

fn entries(tree: &Tree) -> Vec<String> {
    let text = lock(tree);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_build_records_every_version() {
    let tree = Tree::submitted(&[FIELD, FIELD]);
    tree.compile(false).unwrap();
    let entries = entries(&tree);
    assert_eq!(entries.len(), 2);
    for (index, entry) in entries.iter().enumerate() {
        let parts: Vec<_> = entry.split(' ').collect();
        assert_eq!(parts[0], format!("bank/loan/Submitted/{}.avsc", index + 1));
        assert_eq!(parts[1].len(), 16);
        assert_eq!(parts[2].len(), "sha256:".len() + 64);
    }
}

#[test]
fn a_second_build_leaves_the_files_alone() {
    let tree = Tree::submitted(&[FIELD]);
    tree.compile(false).unwrap();
    let paths = [
        tree.schemas().join("schemas.lock"),
        tree.out().join("bank.loan.rs"),
    ];
    let times = || {
        paths
            .clone()
            .map(|path| path.metadata().unwrap().modified().unwrap())
    };
    let before = times();
    tree.compile(true).unwrap();
    assert_eq!(times(), before);
}

#[test]
fn docs_and_white_space_are_free() {
    let tree = Tree::submitted(&[FIELD]);
    tree.compile(false).unwrap();
    let documented = r#"{
        "name": "amount",
        "default": 1,
        "doc": "What was asked for.",
        "type": {"type": "long", "doc": "Euros"}
    }"#;
    // `{"type": "long"}` and `"long"` are one type, and two texts.
    tree.write(
        FILE,
        &event(
            "Submitted",
            &documented.replace(r#"{"type": "long", "doc": "Euros"}"#, r#""long""#),
        ),
    );
    assert_eq!(tree.compile(true), Ok(()));
}

#[test]
fn a_released_version_never_changes() {
    let tree = Tree::submitted(&[FIELD]);
    tree.compile(false).unwrap();
    let before = lock(&tree);
    for (change, same_fingerprint) in [
        (FIELD.replace("long", "int"), false),
        (FIELD.replace("\"default\": 1", "\"default\": 2"), true),
        (FIELD.replace("}", ", \"aliases\": [\"doc\"]}"), true),
    ] {
        tree.write(FILE, &event("Submitted", &change));
        for locked in [false, true] {
            let findings = tree.compile(locked).unwrap_err();
            let [finding] = findings.as_slice() else {
                panic!("{findings:?}");
            };
            let released = before
                .lines()
                .last()
                .unwrap()
                .split_once(' ')
                .unwrap()
                .1
                .replace(' ', ", ");
            let start = format!(
                "schemas/{FILE}: this version was released as fingerprint {released}, and is now "
            );
            assert!(finding.starts_with(&start), "{finding}");
            assert!(
                finding.contains("; restore it, and make the change in a new version file; or, "),
                "{finding}"
            );
            let now = finding.strip_prefix(&start).unwrap();
            assert_eq!(released[..16] == now[..16], same_fingerprint, "{finding}");
        }
        assert_eq!(lock(&tree), before);
    }
}

#[test]
fn a_default_may_hold_a_key_called_doc() {
    let field = |doc: &str| {
        format!(
            r#"{{"name": "m", "type": {{"type": "map", "values": "string"}}, "default": {{"doc": "{doc}"}}}}"#
        )
    };
    let tree = Tree::submitted(&[&field("a")]);
    tree.compile(false).unwrap();
    tree.write(FILE, &event("Submitted", &field("b")));
    assert_eq!(tree.findings().len(), 1);
}

#[test]
fn a_released_version_never_goes_away() {
    for file in ["bank/loan/Submitted/1.avsc", "bank/loan/Submitted/2.avsc"] {
        let tree = Tree::submitted(&[FIELD, FIELD]);
        tree.compile(false).unwrap();
        std::fs::remove_file(tree.schemas().join(file)).unwrap();
        is_gone(&tree, file);
    }
}

/// The only finding is that the file is gone.
#[track_caller]
fn is_gone(tree: &Tree, file: &str) {
    let findings = tree.findings();
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    let start = format!("schemas/{file}: this version was released (fingerprint ");
    assert!(finding.starts_with(&start), "{finding}");
    assert!(finding.ends_with("is gone; restore it: events written with it must stay readable"));
}

#[test]
fn a_released_version_of_a_shared_type_never_goes_away() {
    let money = r#"{"type": "record", "name": "Money", "namespace": "bank", "fields": []}"#;
    let tree = Tree::submitted(&[FIELD]);
    tree.write("bank/types/Money/1.avsc", money);
    tree.write("bank/types/Money/2.avsc", money);
    tree.compile(false).unwrap();
    std::fs::remove_file(tree.schemas().join("bank/types/Money/1.avsc")).unwrap();
    is_gone(&tree, "bank/types/Money/1.avsc");
}

#[test]
fn what_follows_from_a_change_is_not_told() {
    let tree = Tree::submitted(&[FIELD, FIELD]);
    tree.write("bank/loan/Paid/1.avsc", &event("Paid", FIELD));
    tree.write("bank/loan/Declined/1.avsc", &event("Declined", FIELD));
    let became = "[events.\"bank/loan/Declined\"]\nbecame = \"Paid\"";
    tree.write("schemas.toml", became);
    tree.compile(false).unwrap();
    let other = r#"{"name": "amount", "type": "string"}"#;
    tree.write("bank/loan/Submitted/2.avsc", &event("Submitted", other));
    tree.write("bank/loan/Declined/1.avsc", &event("Declined", other));
    let findings = tree.findings();
    let [declined, submitted] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    for (finding, file) in [(declined, "Declined/1"), (submitted, "Submitted/2")] {
        let start = format!("schemas/bank/loan/{file}.avsc: this version was released as ");
        assert!(finding.starts_with(&start), "{finding}");
    }
}

#[test]
fn a_locked_build_adds_nothing() {
    let tree = Tree::submitted(&[FIELD]);
    let expected = |file: &str| {
        format!(
            "schemas/{file}: is not in schemas/schemas.lock, which may not be changed here (--locked, in a \
             build.rs Builder::locked, asks for that); build without it and commit schemas.lock"
        )
    };
    assert_eq!(tree.compile(true), Err(vec![expected(FILE)]));
    assert!(!tree.schemas().join("schemas.lock").exists());
    tree.compile(false).unwrap();
    assert_eq!(tree.compile(true), Ok(()));
    tree.write("bank/loan/Submitted/2.avsc", &event("Submitted", FIELD));
    assert_eq!(
        tree.compile(true),
        Err(vec![expected("bank/loan/Submitted/2.avsc")])
    );
}

#[test]
fn a_lock_that_is_damaged_is_an_error() {
    let tree = Tree::submitted(&[FIELD]);
    tree.compile(false).unwrap();
    let whole = lock(&tree);
    let conflict = format!("<<<<<<< HEAD\n=======\n{whole}>>>>>>> other\n");
    tree.write("schemas.lock", &conflict);
    assert_eq!(
        tree.findings(),
        [
            "schemas/schemas.lock: line 1: a merge conflict; keep the lines of both sides, and take out the marks between \
             them"
        ]
    );
    tree.write("schemas.lock", &format!("{FILE}\n{whole}"));
    assert_eq!(
        tree.findings(),
        ["schemas/schemas.lock: line 1: a file, a fingerprint and a hash are expected"]
    );
}

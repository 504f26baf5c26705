//! `factum schema check`: in order, locked, and against git.

use std::fs;

use crate::tree::Tree;

const LONG: &str = r#"{"name": "amount", "type": "long"}"#;
const DOUBLE: &str = r#"{"name": "amount", "type": "double"}"#;

#[track_caller]
fn says(tree: &Tree, arguments: &[&str], code: i32, out: &str) {
    let answer = tree.schema(arguments);
    assert_eq!(
        (answer.out.as_str(), answer.code),
        (out, Some(code)),
        "{}",
        answer.err
    );
}

/// What was released is changed, and made to look as if it had not been.
fn forged(tree: &Tree, fields: &str) {
    tree.submitted(1, fields);
    fs::remove_file(tree.path().join("schemas/schemas.lock")).unwrap();
    tree.build();
}

#[test]
fn a_tree_in_order_says_so() {
    let tree = Tree::released(LONG);
    tree.submitted(2, DOUBLE);
    let line = "schemas is in order: events 1, versions 2; bank is BACKWARD_TRANSITIVE\n";
    says(&tree, &["check"], 0, line);
    says(&tree, &["check", "schemas", "--json"], 0, "");
}

#[test]
fn what_is_upcast_is_not_in_order_where_its_readers_cannot_go_on() {
    let tree = Tree::released(LONG);
    tree.submitted(2, r#"{"name": "cents", "type": "long"}"#);
    let upcast = "\n[events.\"bank/loan/Submitted\"]\nupcast = [1]";
    let mode = |mode: &str| {
        let text = format!("compatibility = \"{mode}\"{upcast}");
        tree.write("schemas.toml", &text);
    };
    mode("BACKWARD");
    says(&tree, &["check", "--json"], 0, "");
    mode("FULL_TRANSITIVE");
    let line = "schemas/bank/loan/Submitted/2.avsc: the field `amount` has no default, and the `bank.loan.Submitted` that was \
                written has no such field; keep the field: the released version has no default to read in its place \
                (version 1, schemas/bank/loan/Submitted/1.avsc: /fields/0, must read this one: the mode is FULL_TRANSITIVE) \
                [reader-field-missing-default-value]\n";
    says(&tree, &["check"], 1, line);
}

#[test]
fn a_locked_check_wants_every_version_in_the_lock() {
    let tree = Tree::released(LONG);
    says(&tree, &["check", "--locked", "--json"], 0, "");
    tree.submitted(2, DOUBLE);
    let line = "schemas/bank/loan/Submitted/2.avsc: is not in schemas/schemas.lock, which may not be changed here \
                (--locked, in a build.rs Builder::locked, asks for that); build without it and commit schemas.lock \
                [not-locked]\n";
    says(&tree, &["check", "--locked"], 1, line);
    let answer = tree.schema_in(&["check"], ("FACTUM_LOCKED", "1"));
    assert!(
        answer.out.contains("(FACTUM_LOCKED or CI is set)"),
        "{answer:?}"
    );
    assert!(
        !fs::read_to_string(tree.path().join("schemas/schemas.lock"))
            .unwrap()
            .contains("2.avsc")
    );
}

#[test]
fn a_branch_knows_what_the_lock_forgot() {
    let tree = Tree::released(LONG);
    tree.commit();
    says(&tree, &["check", "--against", "main", "--json"], 0, "");
    forged(&tree, DOUBLE);
    says(&tree, &["check", "--json"], 0, "");
    let line = "schemas/bank/loan/Submitted/1.avsc: this version is another one in main; restore it, and make the change \
                in a new version file [changed]\n";
    says(&tree, &["check", "--against", "main"], 1, line);
}

#[test]
fn a_branch_knows_what_was_deleted() {
    let tree = Tree::released(LONG);
    tree.submitted(2, DOUBLE);
    tree.build();
    tree.commit();
    tree.remove("bank/loan/Submitted/2.avsc");
    forged(&tree, LONG);
    let line = "schemas/bank/loan/Submitted/2.avsc: this version is in HEAD and is gone; restore it: events written with \
                it must stay readable [gone]\n";
    says(&tree, &["check", "--against", "HEAD"], 1, line);
}

#[test]
fn what_the_lock_tells_is_not_told_again() {
    let tree = Tree::released(LONG);
    tree.commit();
    tree.submitted(1, DOUBLE);
    let answer = tree.schema(&["check", "--against", "main"]);
    assert_eq!(answer.out.lines().count(), 1, "{}", answer.out);
    tree.remove("bank/loan/Submitted/1.avsc");
    let answer = tree.schema(&["check", "--against", "main"]);
    assert_eq!(answer.out.lines().count(), 1, "{}", answer.out);
}

#[test]
fn a_shared_type_is_part_of_what_was_released() {
    let money = |ty: &str| {
        format!(
            r#"{{"type": "record", "name": "Money", "namespace": "bank", "fields": [{{"name": "cents", "type": "{ty}"}}]}}"#
        )
    };
    let tree = Tree::released(LONG);
    tree.write("bank/types/Money/1.avsc", &money("long"));
    tree.submitted(2, r#"{"name": "amount", "type": "long"}, {"name": "fee", "type": ["null", "bank.Money"], "default": null}"#);
    assert_eq!(tree.build(), Vec::<String>::new());
    tree.commit();
    says(&tree, &["check", "--against", "main", "--json"], 0, "");
    tree.write("bank/types/Money/1.avsc", &money("int"));
    fs::remove_file(tree.path().join("schemas/schemas.lock")).unwrap();
    tree.build();
    let answer = tree.schema(&["check", "--against", "main"]);
    let changed = |file: &str| format!("schemas/bank/{file}: this version is another one in main");
    let lines: Vec<_> = answer.out.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines[0].starts_with(&changed("loan/Submitted/2.avsc")),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with(&changed("types/Money/1.avsc")),
        "{lines:?}"
    );
}

#[test]
fn new_versions_and_other_folders_are_free() {
    let tree = Tree::released(LONG);
    tree.commit();
    tree.submitted(2, DOUBLE);
    fs::write(tree.path().join("notes.avsc"), "{}").unwrap();
    says(&tree, &["check", "--against", "main", "--json"], 0, "");
}

#[test]
fn a_folder_that_was_renamed_is_not_compared_with_nothing() {
    let tree = Tree::released(LONG);
    tree.commit();
    forged(&tree, DOUBLE);
    fs::rename(tree.path().join("schemas"), tree.path().join("avro")).unwrap();
    let check = ["check", "avro", "--against", "main"];
    let start = "factum: avro had no versions in `main`, so nothing was checked against it: was the folder renamed? Versions \
                 stay in the folder that they were released in. If nothing was released there yet, say so with \
                 --allow-new\n";
    fails(&tree, &check, 1, start);
    says(
        &tree,
        &[&check[..], &["--allow-new", "--json"]].concat(),
        0,
        "",
    );
    let start = "error: the following required arguments were not provided:\n  --against <REF>";
    fails(&tree, &["check", "avro", "--allow-new"], 2, start);
}

#[test]
fn schemas_that_lie_where_no_version_belongs_are_nothing_to_compare_with() {
    let tree = Tree::released(LONG);
    let inner = tree.path().join("schemas/inner");
    fs::create_dir_all(&inner).unwrap();
    fs::rename(tree.path().join("schemas/bank"), inner.join("bank")).unwrap();
    tree.commit();
    fs::rename(inner.join("bank"), tree.path().join("schemas/bank")).unwrap();
    let start = "factum: schemas had no versions in `main`";
    fails(&tree, &["check", "--against", "main"], 1, start);
}

#[test]
fn what_was_released_and_is_no_schema_stays_as_it_is() {
    let tree = Tree::released(LONG);
    tree.submitted(2, r#"{"name": "amount", "type": "money"}"#);
    tree.commit();
    let against = || tree.schema(&["check", "--against", "main"]);
    let parsed = against();
    assert_eq!(parsed.out.lines().count(), 1, "{}", parsed.out);
    assert!(!parsed.out.contains("[changed]"), "{}", parsed.out);
    tree.submitted(2, LONG);
    let line = "schemas/bank/loan/Submitted/2.avsc: this version is no schema in main, and its text is another one now; \
                restore it, or, if no event of it was ever written, mend it in main first [changed]\n";
    says(&tree, &["check", "--against", "main"], 1, line);
    tree.remove("bank/loan/Submitted/2.avsc");
    let line = "schemas/bank/loan/Submitted/2.avsc: this version is in main and is gone; restore it: events written with \
                it must stay readable [gone]\n";
    says(&tree, &["check", "--against", "main"], 1, line);
}

#[track_caller]
fn fails(tree: &Tree, arguments: &[&str], code: i32, start: &str) {
    let answer = tree.schema(arguments);
    assert_eq!(answer.code, Some(code), "{answer:?}");
    assert!(answer.err.starts_with(start), "{}", answer.err);
}

#[test]
fn what_git_does_not_know_is_an_error() {
    let tree = Tree::released(LONG);
    let start = "factum: git cannot tell what schemas was in `main`: not a git repository";
    fails(&tree, &["check", "--against", "main"], 2, start);
    tree.commit();
    let start = "factum: git cannot tell what schemas was in `other`: it knows no such branch, tag or commit. --against \
                 takes a branch, tag or commit of the repository that the folder is in; in CI, fetch it first\n";
    fails(&tree, &["check", "--against", "other"], 2, start);
    let start =
        "factum: git cannot tell what schemas was in `--all`: a name does not start with a dash";
    fails(&tree, &["check", "--against=--all"], 2, start);
}

#[test]
fn wrong_usage_is_told_from_findings() {
    let tree = Tree::released(LONG);
    fails(
        &tree,
        &["check", "--agianst", "main"],
        2,
        "error: unexpected argument '--agianst'",
    );
    let start = "factum: there is no folder elsewhere: name the one that holds";
    fails(&tree, &["check", "elsewhere"], 2, start);
    fails(&tree, &["show", "elsewhere"], 2, start);
}

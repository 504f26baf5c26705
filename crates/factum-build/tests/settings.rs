//! `schemas.toml`: upcasters, events that are retired, and events that became others.

mod tree;

use std::fs;

use tree::{Tree, event};

const EUROS: &str = r#"{"name": "euros", "type": "long"}"#;
const CENTS: &str = r#"{"name": "cents", "type": "long"}"#;

fn generated(tree: &Tree) -> String {
    tree.compile(false).unwrap();
    fs::read_to_string(tree.out().join("bank.loan.rs")).unwrap()
}

/// Whether the code holds the text, however its lines are broken.
#[track_caller]
fn holds(code: &str, text: &str) {
    let dense = |text: &str| text.replace([' ', '\n', ','], "");
    assert!(
        dense(code).contains(&dense(text)),
        "{text} is not in\n{code}"
    );
}

fn submitted(settings: &str) -> Tree {
    let tree = Tree::submitted(&[EUROS, CENTS]);
    tree.write(
        "schemas.toml",
        &format!("[events.\"bank/loan/Submitted\"]\n{settings}\n"),
    );
    tree
}

#[track_caller]
fn refuses(settings: &str, message: &str) {
    let expected = format!("schemas/schemas.toml: [events.\"bank/loan/Submitted\"] {message}");
    assert_eq!(submitted(settings).findings(), [expected]);
}

#[test]
fn a_version_that_avro_can_not_read_is_read_by_an_upcaster() {
    let code = generated(&submitted("upcast = [1]"));
    holds(&code, "pub mod submitted {");
    holds(&code, "pub mod v1 {");
    holds(
        &code,
        "let old = input.to_end(submitted::v1::Submitted::read).map_err(::factum::DecodeError::new)?;
         let event = ::factum::Upcast::<submitted::v1::Submitted>::upcast(old);
         Ok(Self::Submitted(event))",
    );
    holds(
        &code,
        "const READINGS: &'static [&'static str] = &[\"Submitted 1 by an upcaster\"];",
    );
}

#[test]
fn without_an_upcaster_it_is_refused_and_told_of_one() {
    assert_eq!(
        submitted("").findings(),
        [
            "schemas/bank/loan/Submitted/2.avsc: /fields/0: the field `cents` has no default, and the \
             `bank.loan.Submitted` that was written has no such field; give it a default, or put the older field's name \
             into its `aliases` (version 1 is \
             schemas/bank/loan/Submitted/1.avsc: /); or read version 1 with Rust code, an upcaster: name 1 in `upcast` \
             under [events.\"bank/loan/Submitted\"] in schemas.toml"
        ]
    );
}

#[test]
fn only_older_versions_are_upcast() {
    refuses(
        "upcast = [1, 2]",
        "upcast: version 2 is the newest; an upcaster makes the newest version from an older one",
    );
    refuses("upcast = [1, 3]", "upcast: there is no version 3");
}

#[test]
fn a_version_that_can_not_be_told_from_another_is_not_upcast() {
    let tree = Tree::submitted(&[
        EUROS,
        r#"{"name": "euros", "type": "long", "doc": "Cents now."}"#,
    ]);
    tree.write(
        "schemas.toml",
        "[events.\"bank/loan/Submitted\"]\nupcast = [1]",
    );
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/loan/Submitted/2.avsc: writes the same bytes as version 1 and has its fingerprint, so an \
             upcaster could not tell which of the two an event is; rename a field in the newer version"
        ]
    );
}

#[test]
fn settings_of_what_is_not_there_are_refused() {
    let tree = Tree::submitted(&[EUROS]);
    tree.write(
        "schemas.toml",
        "[events.\"bank/loan/Submited\"]\nretired = \"why\"",
    );
    assert_eq!(
        tree.findings(),
        [
            "schemas/schemas.toml: [events.\"bank/loan/Submited\"] is not in the tree: an event is named after its folder, \
             <context>/<aggregate>/<Event>"
        ]
    );
    tree.write(
        "schemas.toml",
        "\n\n[events.\"bank/loan/Submitted\"]\nretried = \"why\"",
    );
    let [finding] = tree.findings().try_into().unwrap();
    assert!(
        finding.starts_with("schemas/schemas.toml: line 4: unknown field `retried`"),
        "{finding}"
    );
}

/// A file that is broken, where version 2 can't read version 1 without it: that alone is told.
#[track_caller]
fn is_broken(settings: &str, expected: &str) {
    let tree = Tree::submitted(&[EUROS, CENTS]);
    tree.write("schemas.toml", settings);
    let [finding] = tree.findings().try_into().unwrap();
    assert!(finding.starts_with(expected), "{finding}");
}

#[test]
fn of_settings_that_are_broken_nothing_else_is_told() {
    let event = "[events.\"bank/loan/Submitted\"]";
    is_broken(
        &format!("{event}\nupcasts = [1]"),
        "schemas/schemas.toml: line 2: unknown field `upcasts`",
    );
    is_broken(
        &format!("{event}\nupcast = 1"),
        "schemas/schemas.toml: line 2: invalid type",
    );
    is_broken(
        "compatibility = \"FULL_TRANSITIV\"",
        "schemas/schemas.toml: line 1: ",
    );
    is_broken(
        "[event.\"bank/loan/Submitted\"]\nupcast = [1]",
        "schemas/schemas.toml: line 1: unknown field `event`",
    );
    is_broken(
        "[events.\"bank/loan/Submited\"]\nupcast = [1]",
        "schemas/schemas.toml: [events.\"bank/loan/Submited\"] is not in the tree",
    );
}

#[test]
fn a_key_without_quotes_is_told_of_them() {
    is_broken(
        "[events.bank.loan.Submitted]\nupcast = [1]",
        "schemas/schemas.toml: line 1: [events.bank.loan.Submitted]: the key needs quotes and slashes, as the folder is \
         called: [events.\"bank/loan/Submitted\"]",
    );
}

#[test]
fn a_retired_event_stays_to_be_applied_and_is_not_made_by_chance() {
    let from = "impl ::std::convert::From<Submitted> for LoanEvent";
    let tree = Tree::submitted(&[EUROS]);
    holds(&generated(&tree), from);
    tree.write(
        "schemas.toml",
        "[events.\"bank/loan/Submitted\"]\nretired = \"Loans are bought.\"",
    );
    let code = generated(&tree);
    holds(&code, "/// Retired, no longer produced: Loans are bought.");
    holds(&code, "    Submitted(Submitted),");
    holds(
        &code,
        "Submitted::FINGERPRINT_1 => {
             let event = input.to_end(read_Submitted).map_err(::factum::DecodeError::new)?;
             Ok(Self::Submitted(event))",
    );
    assert!(!code.contains(from), "{code}");
}

#[test]
fn the_folder_of_an_event_is_never_deleted() {
    let tree = Tree::submitted(&[EUROS, EUROS]);
    tree.write("bank/loan/Declined/1.avsc", &event("Declined", ""));
    tree.compile(false).unwrap();
    fs::remove_dir_all(tree.schemas().join("bank/loan/Submitted")).unwrap();
    assert_eq!(
        tree.findings(),
        [
            "schemas/bank/loan/Submitted: this event was released and its folder is gone; restore it: events of it are in \
             the log for ever, and must stay readable. If nobody produces it any more, retire it: in \
             schemas/schemas.toml, write `retired = \"why\"` under [events.\"bank/loan/Submitted\"]"
        ]
    );
}

#[test]
fn an_event_becomes_another_one_of_its_aggregate() {
    let tree = submitted("became = \"Applied\"\nupcast = [1]");
    tree.write("bank/loan/Applied/1.avsc", &event("Applied", CENTS));
    let code = generated(&tree);
    assert!(!code.contains("    Submitted(Submitted),"), "{code}");
    holds(&code, "pub const SUBMITTED_FINGERPRINT_2: u64");
    holds(&code, "Applied::SUBMITTED_FINGERPRINT_2 =>");
    holds(
        &code,
        "let event = input.to_end(read_Applied).map_err(::factum::DecodeError::new)?;
         Ok(Self::Applied(event))",
    );
    holds(
        &code,
        "let event = ::factum::Upcast::<submitted::v1::Submitted>::upcast(old);
         Ok(Self::Applied(event))",
    );
    holds(
        &code,
        "const READINGS: &'static [&'static str] = &[\"Submitted 1 by an upcaster\", \"Submitted as Applied\"];",
    );
}

#[test]
fn what_an_event_became_must_be_there_and_stay() {
    let folder = "the event that this one is read as has a folder beside it";
    refuses(
        "became = \"Applied\"\nupcast = [1]",
        &format!("became: `Applied` is no other event of bank/loan; {folder}"),
    );
    let tree = submitted(
        "became = \"Applied\"\nupcast = [1]\n[events.\"bank/loan/Applied\"]\nbecame = \"Asked\"",
    );
    tree.write("bank/loan/Applied/1.avsc", &event("Applied", CENTS));
    tree.write("bank/loan/Asked/1.avsc", &event("Asked", CENTS));
    assert_eq!(
        tree.findings(),
        [
            "schemas/schemas.toml: [events.\"bank/loan/Submitted\"] became: `Applied` became `Asked` itself; name that one"
        ]
    );
}

#[test]
fn a_mode_asks_that_older_versions_read_the_newest() {
    let tree = Tree::submitted(&[EUROS, ""]);
    let settings = |text: &str| tree.write("schemas.toml", text);
    let removed = |mode: &str| {
        format!(
            "schemas/bank/loan/Submitted/2.avsc: the field `euros` has no default, and the `bank.loan.Submitted` that \
             was written has no such field; keep the field: the released version has no default to read in its place \
             (version 1, schemas/bank/loan/Submitted/1.avsc: /fields/0, must read this one: the mode is {mode})"
        )
    };
    assert_eq!(tree.compile(false), Ok(()));
    settings("compatibility = \"FULL_TRANSITIVE\"");
    assert_eq!(tree.findings(), [removed("FULL_TRANSITIVE")]);
    settings("compatibility = \"FULL_TRANSITIVE\"\n[contexts.bank]\ncompatibility = \"BACKWARD\"");
    assert_eq!(tree.compile(false), Ok(()));
    settings("[contexts.bank]\ncompatibility = \"forward\"");
    assert_eq!(tree.findings(), [removed("FORWARD")]);
}

#[test]
fn readers_of_a_version_that_is_upcast_count_in_a_forward_mode() {
    let tree = Tree::submitted(&["", EUROS, CENTS]);
    let upcast = |mode: &str, versions: &str| {
        let text = format!(
            "compatibility = \"{mode}\"\n[events.\"bank/loan/Submitted\"]\nupcast = {versions}"
        );
        tree.write("schemas.toml", &text);
    };
    let place = |mode: &str| {
        format!(
            "(version 2, schemas/bank/loan/Submitted/2.avsc: /fields/0, must read this one: the mode is {mode})"
        )
    };
    upcast("BACKWARD_TRANSITIVE", "[1, 2]");
    assert_eq!(tree.compile(false), Ok(()));
    for (mode, versions) in [
        ("FORWARD", "[1, 2]"),
        ("FULL", "[1, 2]"),
        ("FORWARD_TRANSITIVE", "[1, 2]"),
        ("FULL_TRANSITIVE", "[1, 2]"),
    ] {
        upcast(mode, versions);
        let [finding] = tree.findings().try_into().unwrap();
        assert!(finding.ends_with(&place(mode)), "{finding}");
    }
    // A version that can read the newest may be upcast in any mode.
    let tree = Tree::submitted(&["", CENTS]);
    tree.write(
        "schemas.toml",
        "compatibility = \"FULL_TRANSITIVE\"\n[events.\"bank/loan/Submitted\"]\nupcast = [1]",
    );
    assert_eq!(tree.compile(false), Ok(()));
}

#[test]
fn only_a_transitive_mode_looks_beyond_the_last_version() {
    let euros = r#"{"name": "euros", "type": "long", "default": 0}"#;
    let tree = Tree::submitted(&[EUROS, euros, ""]);
    tree.write("schemas.toml", "compatibility = \"FULL\"");
    assert_eq!(tree.compile(false), Ok(()));
    tree.write("schemas.toml", "compatibility = \"FULL_TRANSITIVE\"");
    let [finding] = tree.findings().try_into().unwrap();
    assert!(
        finding.contains("(version 1, schemas/bank/loan/Submitted/1.avsc: /fields/0, must"),
        "{finding}"
    );
}

#[test]
fn modes_and_contexts_that_there_are_not_are_refused() {
    let tree = Tree::submitted(&[EUROS]);
    tree.write("schemas.toml", "compatibility = \"BOTH\"");
    let [finding] = tree.findings().try_into().unwrap();
    let start =
        "schemas/schemas.toml: line 1: `BOTH` is no mode of compatibility; use NONE, BACKWARD";
    assert!(finding.starts_with(start), "{finding}");
    tree.write("schemas.toml", "[contexts.shop]\ncompatibility = \"FULL\"");
    let finding = "schemas/schemas.toml: [contexts.\"shop\"] is not in the tree: a context is named after its folder";
    assert_eq!(tree.findings(), [finding]);
}

//! A build whose generated code is not in `OUT_DIR`, but is included from there.

mod tree;

use std::process::Command;
use std::{env, fs};

use factum_build::Builder;
use tree::{Tree, event};

const FILE: &str = "bank.loan.rs";

/// What a `build.rs` does; run by [`build`] only, in a process of its own, whose `OUT_DIR` it is.
#[test]
fn build_script() {
    let (Ok(schemas), Ok(target)) = (env::var("SCRIPT_SCHEMAS"), env::var("SCRIPT_TARGET")) else {
        return;
    };
    let builder = Builder::new().locked(false);
    builder.out_dir(target).compile(schemas).unwrap();
}

/// Generates code into `target` as Cargo would run it, with `out/` as `OUT_DIR`.
fn build(tree: &Tree, target: &str) {
    let mut script = Command::new(env::current_exe().unwrap());
    script.args(["--exact", "build_script"]);
    script
        .env("OUT_DIR", tree.out())
        .env("SCRIPT_SCHEMAS", tree.schemas())
        .env("SCRIPT_TARGET", tree.out().join(target));
    let output = script.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn submitted() -> Tree {
    Tree::new(&[("bank/loan/Submitted/1.avsc", &event("Submitted", ""))])
}

#[test]
fn events_includes_what_lies_elsewhere() {
    let tree = submitted();
    tree.compile(false).unwrap();
    build(&tree, "../src/generated");
    let generated = tree.out().join("../src/generated").join(FILE);
    let text = fs::read_to_string(&generated).unwrap();
    let schema = "include_str!(\"../../schemas/bank/loan/Submitted/1.avsc\")";
    assert!(text.contains(schema), "{text}");
    let text = fs::read_to_string(tree.out().join(FILE)).unwrap();
    let included = text.lines().last().unwrap();
    assert_eq!(included, format!("include!({generated:?});"));
}

#[test]
fn what_lies_within_out_dir_has_a_place_of_its_own() {
    let tree = submitted();
    build(&tree, "typed");
    assert!(!tree.out().join(FILE).exists());
    let text = fs::read_to_string(tree.out().join("typed").join(FILE)).unwrap();
    let schema = tree.schemas().join("bank/loan/Submitted/1.avsc");
    assert!(
        text.contains(&format!("include_str!({schema:?})")),
        "{text}"
    );
}

//! The program, as a user runs it.

use std::path::Path;
use std::process::{Command, Output};

fn lend(folder: &Path, reader: &str) -> Output {
    let log = format!("local:{}", folder.display());
    Command::new(env!("CARGO_BIN_EXE_lend")).args([&log, "Dune", reader]).output().unwrap()
}

#[test]
fn a_loan_is_printed_and_a_rejection_fails() {
    let folder = tempfile::tempdir().unwrap();
    let lent = lend(folder.path(), "Ada");
    assert!(lent.status.success(), "{lent:?}");
    assert_eq!(lent.stdout, b"lent, version 1\n");

    let rejected = lend(folder.path(), "Bob");
    assert_eq!(rejected.status.code(), Some(1), "{rejected:?}");
    assert!(rejected.stdout.is_empty(), "{rejected:?}");
    assert!(String::from_utf8_lossy(&rejected.stderr).contains("AlreadyLent"), "{rejected:?}");
}

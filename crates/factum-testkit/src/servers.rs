//! Where the real servers of a test run listen.
//!
//! An address comes from the environment, where an empty one is none, else from the file that `cargo xtask up` writes.

use std::path::PathBuf;
use std::{env, fs};

/// The test Kafka's bootstrap address, `host:port`.
///
/// # Panics
/// When no test Kafka is known; the message says how to start one.
pub fn kafka() -> String {
    address("FACTUM_TEST_KAFKA", "cargo xtask up")
}

/// The test Postgres' URL, `postgres://…`.
///
/// # Panics
/// When no test Postgres is known; the message says how to start one.
pub fn postgres() -> String {
    address("FACTUM_TEST_POSTGRES", "cargo xtask up")
}

/// The address of the schema registry, for example `http://localhost:8081/apis/ccompat/v7`.
///
/// # Panics
/// When no test registry is known; the message says how to start one.
pub fn registry() -> String {
    address("FACTUM_TEST_REGISTRY", "cargo xtask up --registry")
}

fn address(name: &str, start: &str) -> String {
    let written = || lookup(&fs::read_to_string(written_addresses()).ok()?, name);
    given(env::var(name).ok())
        .or_else(written)
        .unwrap_or_else(|| panic!("{name} is not known: start it with `{start}`"))
}

/// What a variable names, if anything: `cargo xtask` takes an empty one as unset, too.
fn given(variable: Option<String>) -> Option<String> {
    variable.filter(|address| !address.is_empty())
}

/// The file that `cargo xtask up` writes: lines of `NAME=value`.
fn written_addresses() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target"),
        PathBuf::from,
    );
    target.join("factum/env")
}

fn lookup(lines: &str, name: &str) -> Option<String> {
    lines
        .lines()
        .filter_map(|line| line.split_once('='))
        .find_map(|(key, value)| (key.trim() == name).then(|| value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{given, lookup};

    #[test]
    fn an_empty_variable_names_nothing() {
        assert_eq!(given(Some(String::new())), None);
        assert_eq!(given(Some("h:1".into())).as_deref(), Some("h:1"));
    }

    #[test]
    fn an_address_is_found_by_its_name() {
        let lines =
            "FACTUM_TEST_KAFKA=127.0.0.1:9092\nFACTUM_TEST_POSTGRES=postgres://u@h/db?a=b\n";
        assert_eq!(
            lookup(lines, "FACTUM_TEST_POSTGRES").as_deref(),
            Some("postgres://u@h/db?a=b")
        );
        assert_eq!(lookup(lines, "FACTUM_TEST"), None);
    }
}

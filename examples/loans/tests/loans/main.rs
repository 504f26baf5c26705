//! The loan process from end to end.

mod import;
mod programs;
mod read_models;
mod rules;
mod schema;
mod status;
mod topics;
mod xes;

use std::io::Write;
use std::path::PathBuf;

use loans::import::Source;

/// The real log, where it is at hand. Without it, a test does with made-up cases or passes over,
/// unless the environment sets `FACTUM_REQUIRE_REAL_LOG`.
fn real_log() -> Option<PathBuf> {
    let required = std::env::var_os("FACTUM_REQUIRE_REAL_LOG").is_some();
    // Past the test harness, which shows what a test prints only when it fails.
    real_log_of(Source::at_hand(1), required, &mut std::io::stderr())
}

fn real_log_of(source: Source, required: bool, told: &mut impl Write) -> Option<PathBuf> {
    if let Source::Xes(path) = source {
        return Some(path);
    }
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    let message = format!("{test}: SKIPPED on the real log, it is not here; FACTUM_XES names one");
    assert!(!required, "{message}, FACTUM_REQUIRE_REAL_LOG demands it");
    writeln!(told, "\n{message}").unwrap();
    None
}

#[test]
fn the_real_log_may_be_missing_but_not_silently() {
    let (cases, seed, mut told) = (1, 1, Vec::new());
    let made_up = Source::Generated { cases, seed };
    assert_eq!(real_log_of(made_up, false, &mut told), None);
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("not_silently: SKIPPED"), "{told}");
}

#[test]
#[should_panic(expected = "FACTUM_REQUIRE_REAL_LOG demands it")]
fn the_real_log_may_not_be_missing_where_it_is_required() {
    let (cases, seed) = (1, 1);
    real_log_of(Source::Generated { cases, seed }, true, &mut Vec::new());
}

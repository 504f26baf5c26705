//! The loan process from end to end.

mod import;
mod programs;
mod read_models;
mod rules;
mod schema;
mod topics;
mod xes;

use std::path::PathBuf;

use loans::import::Source;

/// The real log, where it is at hand. Without it, a test does with made-up cases or passes over.
fn real_log() -> Option<PathBuf> {
    match Source::at_hand(1) {
        Source::Xes(path) => Some(path),
        Source::Generated { .. } => {
            eprintln!("no real log at hand; FACTUM_XES names one");
            None
        }
    }
}

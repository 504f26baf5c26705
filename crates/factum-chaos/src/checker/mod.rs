//! Judges a run: the clients' history against the raw topic and the read model's rows.
//!
//! It shares no code with Factum: a plain consumer reads the topic, and the header, the reader rule,
//! the partitioner, the commands, the events and the fold are written here once more, from the documents.

mod avro;
mod commands;
mod handling;
mod header;
mod judge;
mod order;
mod partition;
mod record;
mod routed;
mod rows;
mod rule;
mod table;
mod topic;
mod violation;

pub use commands::{Routed, read_commands};
pub use judge::{Fate, Figures, Verdict, fate, judge};
pub use record::{RawRecord, by_partition};
pub use routed::unhandled;
pub use rows::{Row, compare, fold};
pub use rule::{Commit, Fact, Handled, PartitionLog, read_partition};
pub use table::read_rows;
pub use topic::{read_topic, wait_in_sync};
pub use violation::{Kind, Violation};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn it_shares_no_code_with_factum() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let checker = fs::read_dir(own.join("checker")).unwrap().flatten();
        let beside = ["wire.rs", "history.rs"].map(|file| own.join(file));
        for file in checker.map(|entry| entry.path()).chain(beside) {
            let text = fs::read_to_string(&file).unwrap();
            let foreign = ["factum", "::"].concat();
            for word in [&foreign, "factum_", "crate::account", "crate::board"] {
                let used = text.lines().any(|line| {
                    line.contains(word) && !line.trim_start().starts_with("for word in")
                });
                assert!(!used, "{} names {word}", file.display());
            }
        }
    }
}

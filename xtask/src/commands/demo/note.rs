//! What a place notes for later runs: whose events its log holds, and the name of its database.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::source::Source;

/// Two sources share names of cases: their events must never meet in one log. `topic_in_use` names
/// a topic that the log has already.
///
/// # Errors
/// When the log holds another source's events, or those of nobody knows whom.
pub(super) fn keep_to_one_source(
    dir: &Path,
    source: &Source,
    topic_in_use: impl FnOnce() -> Result<Option<&'static str>>,
) -> Result<()> {
    let now = source.name();
    let found = match fs::read_to_string(dir.join("source")) {
        Ok(held) if held == now => return Ok(()),
        Ok(held) => format!("the events of an earlier demo already (source: {held}; now: {now})"),
        Err(_) => match topic_in_use()? {
            Some(topic) => {
                format!("the topic {topic} already, and nothing here tells whose events those are")
            }
            None => return note_source(dir, source),
        },
    };
    bail!(
        "Kafka holds {found}. Either forget them with --fresh, or leave --kafka out: every source \
         has an embedded log of its own"
    )
}

fn note_source(dir: &Path, source: &Source) -> Result<()> {
    let note = dir.join("source");
    fs::write(&note, source.name()).with_context(|| format!("cannot write {}", note.display()))
}

/// A name that is forgotten together with the log: a new log never meets an old read model.
///
/// # Errors
/// When it cannot be noted.
pub(super) fn database_name(dir: &Path) -> Result<String> {
    let note = dir.join("database");
    if let Ok(name) = fs::read_to_string(&note) {
        return Ok(name);
    }
    let name = format!(
        "factum_demo_{}",
        &uuid::Uuid::new_v4().simple().to_string()[..8]
    );
    fs::write(&note, &name).with_context(|| format!("cannot write {}", note.display()))?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_place_keeps_to_one_source() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (Source::Generated(Some(1)), Source::Generated(Some(2)));
        keep_to_one_source(dir.path(), &one, || Ok(None)).unwrap();
        // The demo's own topics are there from now on.
        let in_use = || Ok(Some("bank.loan.events"));
        keep_to_one_source(dir.path(), &one, in_use).unwrap();
        let error = keep_to_one_source(dir.path(), &other, in_use);
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("1 made-up cases") && error.contains("--fresh"),
            "{error}"
        );
    }

    #[test]
    fn topics_that_nothing_is_noted_of_are_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::Generated(None);
        let attempt = || keep_to_one_source(dir.path(), &source, || Ok(Some("bank.loan.events")));
        for _ in 0..2 {
            let error = attempt().unwrap_err().to_string();
            assert!(error.contains("the topic bank.loan.events"), "{error}");
        }
        // As after --fresh.
        keep_to_one_source(dir.path(), &source, || Ok(None)).unwrap();
        attempt().unwrap();
    }

    #[test]
    fn a_place_keeps_its_database() {
        let dir = tempfile::tempdir().unwrap();
        let name = database_name(dir.path()).unwrap();
        assert_eq!(database_name(dir.path()).unwrap(), name);
    }
}

//! `schemas.lock`: what was released, so that it stays as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::finding::{Finding, Rule};
use crate::output::write_if_changed;
use crate::settings;
use crate::tree::Source;

const NAME: &str = "schemas.lock";
const HEADER: &str = "\
# The released versions of the schemas, kept by factum-build. Commit this file.
# A version listed here never changes and never goes away, since events written with it are in the
# log for ever: to change an event, add its next <n>.avsc. Docs and white space are free.
# A line: the file, its CRC-64-AVRO fingerprint, and the SHA-256 of the schema without docs.
";

/// Whether the lock may get new versions, and who says that it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    No,
    /// The caller of the builder: `factum schema check --locked`, or a `build.rs`.
    ByCaller,
    /// `FACTUM_LOCKED` or `CI`.
    ByEnvironment,
}

impl Locked {
    fn why(self) -> Option<&'static str> {
        match self {
            Self::No => None,
            Self::ByCaller => Some("--locked, in a build.rs Builder::locked, asks for that"),
            Self::ByEnvironment => Some("FACTUM_LOCKED or CI is set"),
        }
    }
}

/// What identifies a released version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    fingerprint: String,
    hash: String,
}

/// The lock's entries, by the files' names: `bank/loan/Submitted/1.avsc`.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// The lock file as it is on disk.
pub(crate) struct File {
    path: PathBuf,
    /// The tree's folder, as messages name it.
    folder: String,
    entries: Entries,
}

impl File {
    pub fn read(root: &Path, folder: &str, findings: &mut Vec<Finding>) -> Self {
        let path = root.join(NAME);
        let shown = format!("{folder}/{NAME}");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                findings.push(Finding::new(
                    &shown,
                    "",
                    format!("can't read the file: {error}"),
                ));
                String::new()
            }
        };
        Self {
            path,
            folder: folder.to_owned(),
            entries: entries(&text, &shown, findings),
        }
    }

    /// Notes the released versions whose files are gone.
    pub fn gone(&self, sources: &[Source], findings: &mut Vec<Finding>) {
        let keys: BTreeSet<_> = sources.iter().map(Source::key).collect();
        let events: BTreeSet<_> = sources.iter().map(Source::event_key).collect();
        let mut gone = BTreeSet::new();
        for (key, entry) in self.entries.iter().filter(|(key, _)| !keys.contains(*key)) {
            match key.rsplit_once('/') {
                Some((event, _)) if is_event(event) && !events.contains(event) => {
                    gone.insert(event);
                }
                _ => findings.push(self.finding(key, version_is_gone(entry)).rule(Rule::Gone)),
            }
        }
        for event in gone {
            let message = self.event_is_gone(event);
            findings.push(self.finding(event, message).rule(Rule::Gone));
        }
    }

    /// Compares the released versions with the files that are there, and returns the entries as they shall be.
    pub fn check(
        &self,
        sources: &[Source],
        locked: Locked,
        findings: &mut Vec<Finding>,
    ) -> Entries {
        let found: Entries = sources
            .iter()
            .filter_map(|source| Some((source.key(), Entry::of(&source.text)?)))
            .collect();
        for (key, entry) in &self.entries {
            if let Some(message) = found.get(key).and_then(|found| changed(entry, found)) {
                findings.push(self.finding(key, message).rule(Rule::Changed));
            }
        }
        if let Some(why) = locked.why() {
            let new = found.keys().filter(|key| !self.entries.contains_key(*key));
            findings.extend(new.map(|key| {
                let message = format!(
                    "is not in {}/{NAME}, which may not be changed here ({why}); build without it and commit {NAME}",
                    self.folder
                );
                self.finding(key, message).rule(Rule::NotLocked)
            }));
        }
        found
    }

    fn finding(&self, key: &str, message: String) -> Finding {
        Finding::new(&format!("{}/{key}", self.folder), "", message)
    }

    fn event_is_gone(&self, event: &str) -> String {
        format!(
            "this event was released and its folder is gone; restore it: events of it are in the log for ever, and must \
             stay readable. If nobody produces it any more, retire it: in {}/{}, write `retired = \"why\"` under \
             [events.{event:?}]",
            self.folder,
            settings::NAME
        )
    }

    /// Whether the lock lists the version file.
    pub fn lists(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    pub fn write(&self, entries: &Entries) -> Result<(), Finding> {
        if *entries == self.entries {
            return Ok(());
        }
        let mut text = HEADER.to_owned();
        for (key, Entry { fingerprint, hash }) in entries {
            let _ = writeln!(text, "{key} {fingerprint} {hash}");
        }
        write_if_changed(&self.path, &text).map(drop)
    }
}

/// Whether a folder is an event's, not a shared type's.
fn is_event(folder: &str) -> bool {
    Source::named(&format!("{folder}/1.avsc"), "").is_some_and(|source| !source.is_shared_type())
}

fn version_is_gone(Entry { fingerprint, hash }: &Entry) -> String {
    format!(
        "this version was released (fingerprint {fingerprint}, {hash}) and is gone; restore it: events written with it must \
         stay readable"
    )
}

/// What is wrong with a released version's file, if anything is.
fn changed(entry: &Entry, found: &Entry) -> Option<String> {
    let Entry { fingerprint, hash } = entry;
    (found != entry).then(|| {
        format!(
            "this version was released as fingerprint {fingerprint}, {hash}, and is now {}, {}; restore it, and make the \
             change in a new version file; or, if no event of it was ever written, take its line out of {NAME}",
            found.fingerprint, found.hash
        )
    })
}

impl Entry {
    /// The entry for a schema's text; `None` if it is not a schema.
    pub fn of(text: &str) -> Option<Self> {
        let schema = factum_schema::Schema::parse(text).ok()?;
        let digest = Sha256::digest(factum_schema::undocumented(text)?);
        let hash = digest
            .iter()
            .fold(String::from("sha256:"), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
        Some(Self {
            fingerprint: format!("{:016x}", schema.fingerprint()),
            hash,
        })
    }
}

/// What git writes around both sides of a conflict: at the start of a line, seven times.
const CONFLICT: [&str; 4] = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];

fn is_conflict(line: &str) -> bool {
    CONFLICT.iter().any(|mark| line.starts_with(mark))
}

fn entries(text: &str, shown: &str, findings: &mut Vec<Finding>) -> Entries {
    let mut entries = Entries::new();
    if let Some(index) = text.lines().position(is_conflict) {
        let message = format!(
            "line {}: a merge conflict; keep the lines of both sides, and take out the marks between them",
            index + 1
        );
        findings.push(Finding::new(shown, "", message));
    }
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') || is_conflict(line) {
            continue;
        }
        match line.split_whitespace().collect::<Vec<_>>().as_slice() {
            [key, fingerprint, hash] => {
                let entry = Entry {
                    fingerprint: (*fingerprint).to_owned(),
                    hash: (*hash).to_owned(),
                };
                entries.insert((*key).to_owned(), entry);
            }
            _ => {
                let message = format!(
                    "line {}: a file, a fingerprint and a hash are expected",
                    index + 1
                );
                findings.push(Finding::new(shown, "", message));
            }
        }
    }
    entries
}

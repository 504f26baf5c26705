//! What a build would say of a tree, without a build, and held against what was released elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use factum_schema::{Mode, Schema};

use crate::compile::{Builder, Examined, leave_consequences};
use crate::finding::{Error, Finding, Rule};
use crate::lock::Entry;
use crate::shared;
use crate::tree::Source;

/// What was found in a tree.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Every mistake, in the order of files; none if a build would succeed.
    pub findings: Vec<Finding>,
    /// What is odd in the newest versions, but allowed: a build warns of it.
    pub warnings: Vec<Finding>,
    /// The mode of each context.
    pub modes: BTreeMap<String, Mode>,
    /// Every version of an event, in the order of its names.
    pub versions: Vec<CheckedVersion>,
    /// Every version of a type that events share, in the order of its names; `event` is the type's folder:
    /// `bank/types/Money`.
    pub types: Vec<CheckedVersion>,
}

/// A version file that lies where one belongs.
#[derive(Clone, Debug)]
pub struct CheckedVersion {
    /// The event's folder: `bank/loan/Submitted`.
    pub event: String,
    /// The version, from 1 on.
    pub version: u32,
    /// The file, as findings name it: `schemas/bank/loan/Submitted/2.avsc`.
    pub file: String,
    /// The file's text; where it refers to types that events share, the schema's JSON with these in it.
    pub json: String,
    /// The schema's fingerprint; none if the file is no schema.
    pub fingerprint: Option<u64>,
    /// Whether `schemas.lock` lists it.
    pub locked: bool,
    /// Whether Rust code reads it as the newest version.
    pub upcast: bool,
    /// Why the event is no longer produced, if it is not.
    pub retired: Option<String>,
    /// The event of the same aggregate that it is read as, if it became another.
    pub became: Option<String>,
}

/// The version files of the same tree in another state: in a git commit, say.
#[derive(Clone, Debug)]
pub struct Release {
    /// What messages call it: `origin/main`.
    pub name: String,
    /// The files, by their paths from the tree's folder (`bank/loan/Submitted/1.avsc`), and their texts.
    pub files: BTreeMap<String, String>,
}

impl Release {
    /// How many of the files lie where a version belongs. None: the tree was not there, or lay
    /// elsewhere, and a check against it would hold nothing against anything.
    pub fn versions(&self) -> usize {
        let files = self.files.iter();
        files
            .filter(|(key, text)| Source::named(key, text).is_some())
            .count()
    }
}

impl Checked {
    fn without_tree(error: &Error) -> Self {
        Self {
            findings: error.findings().to_vec(),
            warnings: Vec::new(),
            modes: BTreeMap::new(),
            versions: Vec::new(),
            types: Vec::new(),
        }
    }
}

impl Builder {
    /// Checks the schemas in `folder`, relative to the working folder, as a build would, and writes
    /// nothing. What `releases` hold must be there, as it was.
    ///
    /// # Errors
    /// [`facade`](Self::facade) is not a path of Rust.
    pub fn check(&self, folder: impl AsRef<Path>, releases: &[Release]) -> Result<Checked, Error> {
        self.facade_path()?;
        let folder = folder.as_ref();
        let shown = folder.display().to_string();
        let shown = shown.trim_end_matches('/');
        let mut findings = Vec::new();
        let tree = match self.examine(folder, shown, None, &mut findings) {
            Ok(tree) => tree,
            Err(error) => return Ok(Checked::without_tree(&error)),
        };
        for release in releases {
            against(release, &tree.sources, shown, &mut findings);
        }
        leave_consequences(&mut findings, &tree.sources, &tree.settings);
        findings.sort_by(|a, b| a.file.cmp(&b.file));
        let (types, versions) = tree.sources.iter().partition(|it| it.is_shared_type());
        let checked = |sources: Vec<&Source>| {
            let sources = sources.into_iter();
            sources.map(|source| version(&tree, source)).collect()
        };
        let (types, versions) = (checked(types), checked(versions));
        let contexts = tree.sources.iter().map(|source| source.context.clone());
        Ok(Checked {
            findings,
            warnings: tree.output.warnings.clone(),
            modes: contexts
                .map(|name| (name.clone(), tree.settings.mode(&name)))
                .collect(),
            versions,
            types,
        })
    }
}

fn version(tree: &Examined, source: &Source) -> CheckedVersion {
    let said = tree.settings.event(source).cloned().unwrap_or_default();
    CheckedVersion {
        event: source.event_key(),
        version: source.version,
        file: source.shown.clone(),
        json: source.text.clone(),
        fingerprint: Schema::parse(&source.text)
            .ok()
            .map(|schema| schema.fingerprint()),
        locked: tree.output.lock_file.lists(&source.key()),
        upcast: said.upcast.contains(&source.version),
        retired: said.retired,
        became: said.became,
    }
}

/// The release's version files, made whole as those of the tree are.
fn sources_of(release: &Release) -> Vec<Source> {
    let files = release.files.iter();
    let mut sources: Vec<_> = files
        .filter_map(|(key, text)| Source::named(key, text))
        .collect();
    // What is wrong there was released all the same.
    shared::compose(&mut sources, &mut Vec::new());
    sources
}

/// What the release has must be in the tree, unless the lock has told that it is not.
fn against(release: &Release, sources: &[Source], folder: &str, findings: &mut Vec<Finding>) {
    for released in sources_of(release) {
        let key = released.key();
        let found = sources.iter().find(|source| source.key() == key);
        let Some((rule, message)) = changed(&released, found, &release.name) else {
            continue;
        };
        let file = format!("{folder}/{key}");
        let told = |finding: &Finding| {
            finding.rule == rule && format!("{file}/").starts_with(&format!("{}/", finding.file))
        };
        if !findings.iter().any(told) {
            findings.push(Finding::new(&file, "", message).rule(rule));
        }
    }
}

/// What became of a released version file, if it is not what it was.
fn changed(released: &Source, found: Option<&Source>, release: &str) -> Option<(Rule, String)> {
    let Some(found) = found else {
        let message = format!(
            "this version is in {release} and is gone; restore it: events written with it must stay readable"
        );
        return Some((Rule::Gone, message));
    };
    let message = match (Entry::of(&released.text), Entry::of(&found.text)) {
        (Some(then), Some(now)) if then == now => return None,
        // What cannot be read as a schema may only stay as it is.
        (None, _) if released.text == found.text => return None,
        (None, _) => format!(
            "this version is no schema in {release}, and its text is another one now; restore it, or, if no event of \
             it was ever written, mend it in {release} first"
        ),
        // A file that is not a schema is reported where it is parsed.
        (Some(_), None) => return None,
        (Some(_), Some(_)) => format!(
            "this version is another one in {release}; restore it, and make the change in a new version file"
        ),
    };
    Some((Rule::Changed, message))
}

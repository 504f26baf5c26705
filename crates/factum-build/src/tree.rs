//! Finds the version files: `<context>/<aggregate>/<Event>/<n>.avsc`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::finding::Finding;
use crate::shared;

/// One version file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub context: String,
    pub aggregate: String,
    pub event: String,
    pub version: u32,
    /// Where it lies.
    pub path: PathBuf,
    /// As messages name it: `schemas/bank/loan/Submitted/1.avsc`.
    pub shown: String,
    /// The schema. Where it refers to shared types, [`shared::compose`](crate::shared::compose) puts
    /// them in.
    pub text: String,
    /// Whether `text` is not the file's own.
    pub is_composed: bool,
}

impl Source {
    /// The aggregate type: `bank.loan`.
    pub fn aggregate_type(&self) -> String {
        format!("{}.{}", self.context, self.aggregate)
    }

    /// The version file of that name, as `schemas.lock` has it, without a place on disk.
    pub fn named(key: &str, text: &str) -> Option<Self> {
        let mut parts = key.split('/').map(str::to_owned);
        let source = Self {
            context: parts.next()?,
            aggregate: parts.next()?,
            event: parts.next()?,
            version: version(&parts.next()?)?,
            path: PathBuf::new(),
            shown: key.to_owned(),
            text: text.to_owned(),
            is_composed: false,
        };
        parts.next().is_none().then_some(source)
    }

    /// The event's folder, as `schemas.toml` names it: `bank/loan/Submitted`.
    pub fn event_key(&self) -> String {
        format!("{}/{}/{}", self.context, self.aggregate, self.event)
    }

    /// The file, as `schemas.lock` names it: `bank/loan/Submitted/1.avsc`.
    pub fn key(&self) -> String {
        format!("{}/{}.avsc", self.event_key(), self.version)
    }
}

/// All version files below `root`, ordered by name and version.
pub(crate) fn read(root: &Path, shown: &str, findings: &mut Vec<Finding>) -> Vec<Source> {
    let mut walk = Walk {
        findings,
        sources: Vec::new(),
    };
    walk.folder(root, shown, &mut Vec::new());
    let mut sources = walk.sources;
    sources.sort_by_key(|s| {
        let names = (s.context.clone(), s.aggregate.clone(), s.event.clone());
        (names, s.version)
    });
    sources
}

/// The version files of the types that the files of a tree share, and no others. What is wrong with them is told by who
/// reads all of the tree.
pub(crate) fn shared_types(root: &Path) -> Vec<Source> {
    let mut walk = Walk {
        findings: &mut Vec::new(),
        sources: Vec::new(),
    };
    for context in fs::read_dir(root).into_iter().flatten().flatten() {
        let folder = context.path().join(shared::FOLDER);
        if let Ok(name) = context.file_name().into_string()
            && is_name(&name)
            && folder.is_dir()
        {
            walk.folder(
                &folder,
                &name,
                &mut vec![name.clone(), shared::FOLDER.to_owned()],
            );
        }
    }
    walk.sources
}

struct Walk<'a> {
    findings: &'a mut Vec<Finding>,
    sources: Vec<Source>,
}

impl Walk<'_> {
    fn note(&mut self, shown: &str, message: impl Into<String>) {
        self.findings.push(Finding::new(shown, "", message));
    }

    fn folder(&mut self, path: &Path, shown: &str, names: &mut Vec<String>) {
        let entries = fs::read_dir(path).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => return self.note(shown, format!("can't read the folder: {error}")),
        };
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                self.note(shown, format!("{:?} is not UTF-8", entry.file_name()));
                continue;
            };
            let shown = format!("{shown}/{name}");
            if name.starts_with('.') {
                continue;
            } else if path.is_dir() {
                self.subfolder(&path, &shown, name, names);
            } else if path.extension().is_some_and(|ext| ext == "avsc") {
                self.file(path, shown, &name, names);
            }
        }
    }

    fn subfolder(&mut self, path: &Path, shown: &str, name: String, names: &mut Vec<String>) {
        if names.len() == 3 {
            return self.note(shown, format!("a folder is not expected here: {PLAN}"));
        }
        if !is_name(&name) {
            let message = "the folder's name is not one that Avro and Rust take: letters, digits and underscores, \
                           not starting with a digit";
            return self.note(shown, message);
        }
        names.push(name);
        self.folder(path, shown, names);
        names.pop();
    }

    fn file(&mut self, path: PathBuf, shown: String, name: &str, names: &[String]) {
        let [context, aggregate, event] = names else {
            return self.note(&shown, format!("not where a version file lies: {PLAN}"));
        };
        let Some(version) = version(name) else {
            return self.note(&shown, format!("not named after a version: {PLAN}"));
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return self.note(&shown, format!("can't read the file: {error}")),
        };
        self.sources.push(Source {
            context: context.clone(),
            aggregate: aggregate.clone(),
            event: event.clone(),
            version,
            path,
            shown,
            text,
            is_composed: false,
        });
    }
}

const PLAN: &str = "schemas are <context>/<aggregate>/<Event>/<n>.avsc, with n = 1, 2, 3, …";

fn version(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".avsc")?;
    let version = digits.parse().ok()?;
    (version > 0 && digits == u32::to_string(&version)).then_some(version)
}

fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

/// Versions are numbered without gaps, so that a file that went missing is noticed. One that was
/// released is the lock's to tell.
pub(crate) fn check_dense(
    sources: &[Source],
    is_released: impl Fn(&str) -> bool,
    findings: &mut Vec<Finding>,
) {
    let mut before = 0;
    let mut event = None;
    for source in sources {
        let this = (&source.context, &source.aggregate, &source.event);
        if event.replace(this) != Some(this) {
            before = 0;
        }
        let missing = || format!("{}/{}.avsc", source.event_key(), before + 1);
        if source.version != before + 1 && !is_released(&missing()) {
            let message = format!("version {} is missing: versions are 1, 2, 3, …", before + 1);
            findings.push(Finding::new(&source.shown, "", message));
        }
        before = source.version;
    }
}

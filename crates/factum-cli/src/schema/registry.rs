//! What a registry has beside a tree of schemas.

use std::collections::BTreeSet;

use clap::{Args, ValueEnum};
use factum::schema::{Direction, Schema};
use factum_build::CheckedVersion;
use factum_core::events_topic;
use factum_registry::{
    Breach, Compatibility, Difference, HttpRegistry, Registry, RegistryError, Subjects,
    TreeVersion, compare, listed,
};

use super::line::Line;
use crate::connection::SchemaRegistry;

#[derive(Debug, Args)]
pub(super) struct RegistryFlags {
    #[command(flatten)]
    at: SchemaRegistry,

    /// How subjects are named in the registry
    #[arg(
        long,
        value_enum,
        value_name = "NAMES",
        default_value = "record",
        requires = "registry"
    )]
    subjects: Naming,

    /// Ids of schemas that other writers registered under these subjects: they are no versions of this tree
    #[arg(long, value_name = "ID", value_delimiter = ',', requires = "registry")]
    foreign: Vec<u32>,

    /// How many subjects the registry lists at most, if it has no further pages (Apicurio 2:
    /// registry.ccompat.max-subjects): a list as long may be cut, and is refused
    #[arg(long, value_name = "N", default_value_t = 1000, requires = "registry")]
    subject_limit: usize,

    /// A version that the registry does not have yet is a finding, not a note
    #[arg(long, requires = "registry")]
    registered: bool,
}

/// How subjects are named.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Naming {
    /// bank.loan.Submitted
    Record,
    /// bank.loan.events-bank.loan.Submitted
    TopicRecord,
}

impl Naming {
    fn subjects(self, aggregate: &str) -> Subjects {
        match self {
            Self::Record => Subjects::Record,
            Self::TopicRecord => Subjects::TopicRecord {
                topic: events_topic(aggregate),
            },
        }
    }
}

/// What came of asking a registry.
pub(super) struct Compared {
    pub lines: Vec<Line>,
    address: String,
    versions: usize,
    missing: usize,
}

impl Compared {
    /// For a tree that is in order.
    pub(super) fn summary(&self) -> String {
        let (all, address) = (self.versions, &self.address);
        let there = all - self.missing;
        format!("the registry at {address} has {there} of {all} versions")
    }
}

impl RegistryFlags {
    /// Why there must be a registry, if something was asked of it: its address may be a variable that is empty.
    fn unasked(&self) -> Option<RegistryError> {
        let flag = match (self.registered, self.foreign.is_empty()) {
            (true, _) => "--registered",
            (false, false) => "--foreign",
            (false, true) => return None,
        };
        Some(RegistryError::Settings {
            what: "address",
            why: format!(
                "it is empty, and {flag} needs a registry; give --registry or FACTUM_REGISTRY"
            ),
        })
    }

    /// Compares, if a registry is named. `folder` is what findings call the tree's.
    pub(super) fn compare(
        &self,
        folder: &str,
        versions: &[CheckedVersion],
    ) -> Result<Option<Compared>, RegistryError> {
        let Some(mut settings) = self.at.settings()? else {
            return self.unasked().map_or(Ok(None), Err);
        };
        settings.subject_limit = self.subject_limit;
        let registry = HttpRegistry::connect(&settings)?;
        let tree = Tree {
            flags: self,
            folder,
            registry: &registry,
            foreign: self.foreign.iter().copied().collect(),
        };
        let mut compared = Compared {
            lines: Vec::new(),
            address: registry.address().to_owned(),
            versions: versions.len(),
            missing: 0,
        };
        for event in tree.events(versions)? {
            let differences = event.differences(&tree)?;
            let missing = |it: &&Difference| matches!(it, Difference::Missing { .. });
            compared.missing += differences.iter().filter(missing).count();
            let lines = differences.iter().map(|it| event.line(&tree, it));
            compared.lines.extend(lines);
        }
        Ok(Some(compared))
    }
}

/// A tree beside a registry.
struct Tree<'t> {
    flags: &'t RegistryFlags,
    folder: &'t str,
    registry: &'t dyn Registry,
    foreign: BTreeSet<u32>,
}

/// One event of the tree; or one that only the registry has: without versions.
struct Event<'t> {
    /// Its folder, as findings call it.
    folder: String,
    subject: String,
    versions: &'t [CheckedVersion],
}

impl Tree<'_> {
    /// The events of the tree, and those that the registry has of the same aggregates.
    fn events<'v>(&self, versions: &'v [CheckedVersion]) -> Result<Vec<Event<'v>>, RegistryError> {
        let mut events = Vec::new();
        for of_aggregate in versions.chunk_by(|a, b| aggregate(a) == aggregate(b)) {
            let folder = aggregate(&of_aggregate[0]);
            let own = of_aggregate.chunk_by(|a, b| a.event == b.event);
            let own: Vec<_> = own.map(|it| self.event(&it[0].event, it)).collect();
            let prefix = self.prefix(folder);
            let subjects: Vec<_> = own.iter().map(|it| &*it.subject).collect();
            let subjects = listed(self.registry, &prefix, &subjects)?;
            let gone = lost(&subjects, &prefix, &own);
            events.extend(own);
            events.extend(
                gone.iter()
                    .map(|name| self.event(&format!("{folder}/{name}"), &[])),
            );
        }
        Ok(events)
    }

    /// The event of a folder in the tree: `bank/loan/Submitted`.
    fn event<'v>(&self, key: &str, versions: &'v [CheckedVersion]) -> Event<'v> {
        let (aggregate, name) = key.rsplit_once('/').unwrap_or(("", key));
        Event {
            folder: format!("{}/{key}", self.folder),
            subject: self.prefix(aggregate) + name,
            versions,
        }
    }

    /// What the subjects of an aggregate's events begin with, by its folder in the tree: `bank/loan`.
    fn prefix(&self, folder: &str) -> String {
        let aggregate = folder.replace('/', ".");
        let subjects = self.flags.subjects.subjects(&aggregate);
        subjects.named(&format!("{aggregate}."))
    }
}

/// The folder of the aggregate: `bank/loan`.
fn aggregate(version: &CheckedVersion) -> &str {
    let event = &version.event;
    event.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The names of events that the registry has under an aggregate's prefix, and the tree has not. A record that stands
/// within an event may have a subject of its own.
fn lost<'s>(subjects: &'s [String], prefix: &str, own: &[Event<'_>]) -> BTreeSet<&'s str> {
    let versions = own.iter().flat_map(|event| event.versions);
    let schemas: Vec<_> = versions
        .filter_map(|it| Schema::parse(&it.json).ok())
        .collect();
    let defined: BTreeSet<_> = schemas
        .iter()
        .flat_map(Schema::definitions)
        .map(|it| it.name.short())
        .collect();
    let known = |subject: &str| own.iter().any(|event| event.subject == subject);
    let names = subjects.iter().filter(|it| !known(it));
    let names = names.filter_map(|it| it.strip_prefix(prefix));
    names
        .filter(|name| is_name(name) && !defined.contains(name))
        .collect()
}

/// Whether an event may be called that; `events-key` is a subject of a topic (Confluent's `TopicNameStrategy`).
fn is_name(name: &str) -> bool {
    let is_letter = |it: char| it.is_ascii_alphabetic() || it == '_';
    name.starts_with(is_letter) && name.chars().all(|it| is_letter(it) || it.is_ascii_digit())
}

impl Event<'_> {
    fn differences(&self, tree: &Tree<'_>) -> Result<Vec<Difference>, RegistryError> {
        let version = |it: &CheckedVersion| (it.version, it.json.clone());
        let texts: Vec<_> = self.versions.iter().map(version).collect();
        let versions: Vec<_> = texts
            .iter()
            .map(|(version, json)| TreeVersion {
                version: *version,
                json,
            })
            .collect();
        compare(tree.registry, &self.subject, &versions, &tree.foreign)
    }

    fn line(&self, tree: &Tree<'_>, difference: &Difference) -> Line {
        let (subject, address) = (&self.subject, tree.registry.address());
        let (version, rule, message) = match difference {
            Difference::Missing { version } => (
                *version,
                "not-registered",
                format!(
                    "the registry at {address} does not have this version under the subject {subject} yet; deploying \
                     registers it"
                ),
            ),
            Difference::Other { version, id, why } => (
                *version,
                "changed",
                format!(
                    "the registry at {address} has another schema for this version (subject {subject}, id {id}): {why}; \
                     restore what was released, and make the change in a new version file; or, if nothing was ever \
                     written with the registry's, delete that there"
                ),
            ),
            Difference::Extra { registered, id } => (
                *registered,
                "gone",
                format!(
                    "the registry at {address} has a schema, version {registered} of the subject {subject} (id {id}), \
                     that is no version here; restore it: events written with it must stay readable. If another writer \
                     registered it, say so with --foreign {id}"
                ),
            ),
            Difference::Unreadable {
                registered,
                id,
                why,
            } => (
                *registered,
                "not-avro",
                format!(
                    "the registry at {address} has a schema, version {registered} of the subject {subject} (id {id}), \
                     that cannot be read here: {why}. If another writer registered it, say so with --foreign {id}; else \
                     delete it there"
                ),
            ),
            Difference::Refused {
                version,
                level,
                words,
            } => (*version, "refused", self.refused(address, *level, words)),
            Difference::Breach(breach) => return self.breach(address, breach),
        };
        let is_only_there = matches!(
            difference,
            Difference::Extra { .. } | Difference::Unreadable { .. }
        );
        let is_other_file = is_only_there && self.versions.iter().any(|it| it.version == version);
        Line {
            file: match is_other_file {
                true => self.folder.clone(),
                false => self.file(version),
            },
            pointer: String::new(),
            rule,
            message,
            note: rule == "not-registered" && !tree.flags.registered,
        }
    }

    fn file(&self, version: u32) -> String {
        format!("{}/{version}.avsc", self.folder)
    }

    fn refused(&self, address: &str, level: Compatibility, words: &[String]) -> String {
        let subject = &self.subject;
        let words = match words {
            [] => "without saying why".to_owned(),
            words => words.join(" "),
        };
        format!(
            "the registry at {address}, which holds the subject {subject} to {}, would refuse this version: {words}; make \
             the change in another way, or change the level there",
            name(level)
        )
    }

    fn breach(&self, address: &str, breach: &Breach) -> Line {
        let wrong = &breach.violation.incompatibility;
        let (pointer, at, must) = match breach.violation.direction {
            Direction::Backward => (&wrong.reader, &wrong.writer, "must be readable by this one"),
            Direction::Forward => (&wrong.writer, &wrong.reader, "must read this one"),
        };
        let at = if at.is_empty() { "/" } else { at };
        let id = match breach.id {
            Some(id) => format!("id {id}"),
            None => "not registered yet".to_owned(),
        };
        let (older, subject, level) = (breach.older, &self.subject, name(breach.level));
        let is_upcast = self
            .versions
            .iter()
            .any(|it| it.version == older && it.upcast);
        let upcast = match breach.violation.direction {
            Direction::Backward if is_upcast => {
                "; what an upcaster reads, a registry does not know: lower the level there"
            }
            _ => "",
        };
        Line {
            file: self.file(breach.version),
            pointer: pointer.clone(),
            rule: wrong.rule.as_str(),
            message: format!(
                "{}; {} (version {older}, {id}: {at}, {must}: the registry at {address} holds the subject {subject} to \
                 {level}{upcast})",
                wrong.message, wrong.mend
            ),
            note: false,
        }
    }
}

fn name(level: Compatibility) -> &'static str {
    factum::schema::Mode::from(level).as_str()
}

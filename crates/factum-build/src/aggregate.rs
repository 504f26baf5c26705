//! The versions of one aggregate's events, and the Rust items that their newest versions share.

use std::collections::BTreeMap;

use crate::finding::{Finding, Rule};
use crate::model::{Body, Def, Field, Version};
use crate::names;
use crate::settings;

/// One aggregate type: `schemas/<context>/<aggregate>`.
#[derive(Debug)]
pub(crate) struct Aggregate {
    /// `bank.loan`
    pub name: String,
    /// Each event's versions, from 1 to the newest; no event without one. Those of an event that
    /// became another one stand before the other's.
    pub events: Vec<Vec<Version>>,
    /// What is said of its events, by their names.
    pub settings: BTreeMap<String, settings::Event>,
}

impl Aggregate {
    /// Whether Rust code reads the version as the newest.
    pub fn is_upcast(&self, version: &Version) -> bool {
        let event = self.settings.get(&version.event);
        event.is_some_and(|event| event.upcast.contains(&version.version))
    }

    /// The versions that Rust code reads, with the newest that it makes of them.
    pub fn upcasts(&self) -> impl Iterator<Item = (&Version, &Version)> {
        self.events.iter().flat_map(|versions| {
            let pairs = versions.iter().zip(versions.last().into_iter().cycle());
            pairs.filter(|(version, _)| self.is_upcast(version))
        })
    }

    /// Why the event is not produced any more, if it is not.
    pub fn retired(&self, event: &str) -> Option<&str> {
        self.settings.get(event)?.retired.as_deref()
    }

    /// The newest version of every event.
    pub fn newest(&self) -> impl Iterator<Item = &Version> {
        self.events.iter().filter_map(|versions| versions.last())
    }

    /// The name of the enum over all events: `LoanEvent` for `bank.loan`.
    pub fn event_enum(&self) -> String {
        let aggregate = self.name.rsplit('.').next().unwrap_or_default();
        format!("{}Event", names::type_name(aggregate))
    }

    /// The records and enums of the newest versions, each once, by their Rust name.
    pub fn items(&self, findings: &mut Vec<Finding>) -> BTreeMap<String, Item<'_>> {
        let mut items: BTreeMap<String, Item<'_>> = BTreeMap::new();
        for version in self.newest() {
            for def in version.defs.values() {
                let name = names::type_name(def.name.short());
                check_members(version, def, findings);
                if name == self.event_enum() {
                    let message = format!("`{name}` is the name of the enum over all events");
                    findings.push(Finding::new(&version.file, &def.pointer, message));
                }
                match items.get(&name) {
                    None => {
                        items.insert(name, Item { version, def });
                    }
                    Some(other) => other.check_same(version, def, findings),
                }
            }
        }
        items
    }

    /// Values are told apart by fingerprint alone.
    pub fn check_fingerprints(&self, findings: &mut Vec<Finding>) {
        let mut known: BTreeMap<u64, &Version> = BTreeMap::new();
        for version in self.events.iter().flatten() {
            let first = known.entry(version.fingerprint).or_insert(version);
            if first.event != version.event {
                let message = format!("has the same fingerprint as {}; rename a field", first.file);
                findings.push(Finding::new(&version.file, "", message));
            }
        }
        for (version, _) in self.upcasts() {
            self.check_upcast(version, findings);
        }
    }

    /// An upcaster that got another version's values would make them wrong.
    fn check_upcast(&self, version: &Version, findings: &mut Vec<Finding>) {
        let same = |other: &&Version| {
            other.fingerprint == version.fingerprint && other.file != version.file
        };
        if let Some(other) = self.events.iter().flatten().find(same) {
            let newer = if other.version > version.version {
                other
            } else {
                version
            };
            let message = format!(
                "writes the same bytes as version {} and has its fingerprint, so an upcaster could not tell which of \
                 the two an event is; rename a field in the newer version",
                if newer.version == version.version {
                    other.version
                } else {
                    version.version
                }
            );
            findings.push(Finding::new(&newer.file, "", message).rule(Rule::Settings));
        }
    }
}

/// A record or an enum that code is generated for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub version: &'a Version,
    pub def: &'a Def,
}

impl Item<'_> {
    fn check_same(&self, version: &Version, def: &Def, findings: &mut Vec<Finding>) {
        let what = if self.def.name != def.name {
            format!("`{}` and `{}` would both be", self.def.name, def.name)
        } else if same_body(&self.def.body, &def.body) {
            return;
        } else {
            format!("two definitions of `{}` would be", def.name)
        };
        let message = format!(
            "{what} one Rust type, the other is at {}: {}; make them the same in both events' newest versions, or \
             rename one",
            self.version.file, self.def.pointer
        );
        findings.push(Finding::new(&version.file, &def.pointer, message));
    }
}

/// Whether two definitions are one Rust type.
pub(crate) fn same_body(a: &Body, b: &Body) -> bool {
    match (a, b) {
        (Body::Record(a), Body::Record(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_field(a, b))
        }
        (
            Body::Enum { symbols, default },
            Body::Enum {
                symbols: others,
                default: other,
            },
        ) => symbols == others && default == other,
        _ => false,
    }
}

fn same_field(a: &Field, b: &Field) -> bool {
    (&a.name, &a.ty, &a.default, &a.aliases) == (&b.name, &b.ty, &b.default, &b.aliases)
}

/// Fields or symbols that differ in Avro, but not in Rust.
fn check_members(version: &Version, def: &Def, findings: &mut Vec<Finding>) {
    let (members, key): (Vec<(&str, String)>, _) = match &def.body {
        Body::Record(fields) => {
            let names = fields.iter().map(|f| f.name.as_str());
            (
                names
                    .map(|n| (n, names::field_ident(n).to_string()))
                    .collect(),
                "fields",
            )
        }
        Body::Enum { symbols, .. } => {
            let names = symbols.iter().map(String::as_str);
            (
                names
                    .map(|n| (n, names::variant_ident(n).to_string()))
                    .collect(),
                "symbols",
            )
        }
    };
    for (index, (name, rust)) in members.iter().enumerate() {
        if let Some((other, _)) = members[..index].iter().find(|(_, other)| other == rust) {
            let message =
                format!("`{other}` and `{name}` would both be `{rust}` in Rust; rename one");
            let pointer = format!("{}/{key}/{index}", def.pointer);
            findings.push(Finding::new(&version.file, &pointer, message));
        }
    }
}

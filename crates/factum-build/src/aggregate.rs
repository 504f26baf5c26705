//! The versions of one aggregate's events, and the Rust items that their newest versions share.

use std::collections::BTreeMap;

use crate::finding::Finding;
use crate::model::{Body, Def, Field, Version};
use crate::names;

/// One aggregate type: `schemas/<context>/<aggregate>`.
#[derive(Debug)]
pub(crate) struct Aggregate {
    /// `bank.loan`
    pub name: String,
    /// Each event's versions, from 1 to the newest; no event without one.
    pub events: Vec<Vec<Version>>,
}

impl Aggregate {
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

fn same_body(a: &Body, b: &Body) -> bool {
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

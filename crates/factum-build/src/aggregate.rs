//! The versions of one aggregate's events, and the Rust items that their newest versions share.

use std::collections::BTreeMap;

use crate::finding::{Finding, Rule};
use crate::model::{Body, Def, Field, Ty, Union, Version};
use crate::names;
use crate::place::{Home, Place};
use crate::settings;
use crate::variants::variants;

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

    /// What is read otherwise than Avro's rules say, as `Event::READINGS` tells it.
    pub fn readings(&self) -> Vec<String> {
        let upcasts = self.upcasts().map(|(version, _)| {
            let Version { event, version, .. } = version;
            format!("{event} {version} by an upcaster")
        });
        let became = self.settings.iter().filter_map(|(event, said)| {
            let other = said.became.as_ref()?;
            Some(format!("{event} as {other}"))
        });
        upcasts.chain(became).collect()
    }

    /// Why the event is not produced any more, if it is not.
    pub fn retired(&self, event: &str) -> Option<&str> {
        self.settings.get(event)?.retired.as_deref()
    }

    /// The newest version of every event.
    pub fn newest(&self) -> impl Iterator<Item = &Version> {
        self.events.iter().filter_map(|versions| versions.last())
    }

    pub fn home(&self) -> Home<'_> {
        Home::owned(&self.name)
    }

    /// What the newest versions define, each once, by its place in Rust.
    pub fn items(&self, findings: &mut Vec<Finding>) -> BTreeMap<Place, Item<'_>> {
        let mut items: BTreeMap<Place, Item<'_>> = BTreeMap::new();
        let event_enum = self.home().event_enum();
        for (place, item) in self.newest().flat_map(|version| self.items_of(version)) {
            item.check_members(findings);
            if place == event_enum {
                let message = format!("`{}` is the name of the enum over all events", place.name);
                findings.push(item.finding(message));
            }
            match items.get(&place) {
                None => {
                    items.insert(place, item);
                }
                Some(other) => findings.extend(item.differs_from(*other)),
            }
        }
        items
    }

    fn items_of<'a>(&'a self, version: &'a Version) -> Vec<(Place, Item<'a>)> {
        let mut items = Vec::new();
        for def in version.defs.values() {
            let item = |kind| Item { version, def, kind };
            items.push((self.home().place(&def.name), item(Kind::Def)));
            if let Body::Record(fields) = &def.body {
                for field in fields {
                    for union in unions(&field.ty) {
                        items.push((
                            self.home().union(&union.name),
                            item(Kind::Union(field, union)),
                        ));
                    }
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

/// The unions in a type that are enums in Rust.
fn unions(ty: &Ty) -> Vec<&Union> {
    let mut found: Vec<_> = ty.inner().iter().flat_map(unions).collect();
    if let Ty::Union(union) = ty {
        found.push(union);
    }
    found
}

/// Something that code is generated for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    pub version: &'a Version,
    pub def: &'a Def,
    pub kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind<'a> {
    /// The record or enum itself.
    Def,
    /// The union in a field of the record.
    Union(&'a Field, &'a Union),
}

impl<'a> Item<'a> {
    /// The types that it is made of.
    pub fn types(&self) -> Vec<&'a Ty> {
        match (self.kind, &self.def.body) {
            (Kind::Union(_, union), _) => union.branches.iter().collect(),
            (Kind::Def, Body::Record(fields)) => fields.iter().map(|field| &field.ty).collect(),
            (Kind::Def, Body::Enum { .. }) => Vec::new(),
        }
    }

    fn pointer(&self) -> &str {
        match self.kind {
            Kind::Def => &self.def.pointer,
            Kind::Union(field, _) => &field.pointer,
        }
    }

    pub fn finding(&self, message: String) -> Finding {
        Finding::new(&self.version.file, self.pointer(), message)
    }

    fn label(&self) -> String {
        match self.kind {
            Kind::Def => format!("`{}`", self.def.name),
            Kind::Union(field, _) => format!(
                "the union in the field `{}` of `{}`",
                field.name, self.def.name
            ),
        }
    }

    fn differs_from(&self, other: Item<'_>) -> Option<Finding> {
        let mut shared = "";
        let what = match (self.kind, other.kind) {
            (Kind::Union(_, a), Kind::Union(_, b)) if a == b => return None,
            (Kind::Def, Kind::Def) if self.def.name == other.def.name => {
                if same_body(&self.def.body, &other.def.body) {
                    return None;
                }
                if self.version.composed.is_some() && other.version.composed.is_some() {
                    shared = " (a type of the folder `types`: give both the same number in `references`)";
                }
                format!("two definitions of `{}` would be", self.def.name)
            }
            _ => format!("{} and {} would both be", other.label(), self.label()),
        };
        Some(self.finding(format!(
            "{what} one Rust type, the other is at {}: {}; make them the same in both events' newest \
             versions{shared}, or rename one",
            other.version.file,
            other.pointer()
        )))
    }

    /// Fields, symbols or branches that differ in Avro, but not in Rust.
    fn check_members(&self, findings: &mut Vec<Finding>) {
        let (members, key) = self.members();
        for (index, (name, rust)) in members.iter().enumerate() {
            if let Some((other, _)) = members[..index].iter().find(|(_, other)| other == rust) {
                let message =
                    format!("`{other}` and `{name}` would both be `{rust}` in Rust; rename one");
                let pointer = format!("{}/{key}/{index}", self.pointer());
                findings.push(Finding::new(&self.version.file, &pointer, message));
            }
        }
    }

    /// Their names in Avro and in Rust, and where they stand.
    fn members(&self) -> (Vec<(String, String)>, &'static str) {
        match (self.kind, &self.def.body) {
            (Kind::Union(_, union), _) => {
                let variants = variants(union).into_iter();
                (variants.map(|v| (v.ty.label(), v.name)).collect(), "type")
            }
            (Kind::Def, Body::Record(fields)) => {
                let rust = |field: &Field| {
                    (
                        field.name.clone(),
                        names::field_ident(&field.name).to_string(),
                    )
                };
                (fields.iter().map(rust).collect(), "fields")
            }
            (Kind::Def, Body::Enum { symbols, .. }) => {
                let rust =
                    |symbol: &String| (symbol.clone(), names::variant_ident(symbol).to_string());
                (symbols.iter().map(rust).collect(), "symbols")
            }
        }
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

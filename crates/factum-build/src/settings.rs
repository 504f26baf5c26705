//! `schemas.toml`: what the folders of a tree do not say of its events.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use factum_schema::{Mode, UnknownMode};
use serde::Deserialize;

use crate::finding::{Finding, Rule};
use crate::tree::Source;

/// The file, beside `schemas.lock`.
pub(crate) const NAME: &str = "schemas.toml";

/// What a tree says of its events; nothing where there is no file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The mode of every context that names none.
    pub compatibility: Option<Compatibility>,
    /// By their names: `bank`.
    pub contexts: BTreeMap<String, Context>,
    /// By the events' folders: `bank/loan/Submitted`.
    pub events: BTreeMap<String, Event>,
    /// The file, as messages name it.
    #[serde(skip)]
    pub shown: String,
}

/// What is said of a context.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Context {
    pub compatibility: Option<Compatibility>,
}

/// A mode, read from its name.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Compatibility(Mode);

impl TryFrom<String> for Compatibility {
    type Error = UnknownMode;

    fn try_from(text: String) -> Result<Self, UnknownMode> {
        text.parse().map(Self)
    }
}

/// What is said of an event.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Event {
    /// The versions that Rust code reads as the newest.
    pub upcast: BTreeSet<u32>,
    /// Why nobody produces it any more.
    pub retired: Option<String>,
    /// The event of the same aggregate that it is read as.
    pub became: Option<String>,
}

impl Settings {
    /// Reads the file of the tree in `root`.
    pub fn read(root: &Path, folder: &str, findings: &mut Vec<Finding>) -> Self {
        let shown = format!("{folder}/{NAME}");
        let text = match fs::read_to_string(root.join(NAME)) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => {
                let message = format!("can't read the file: {error}");
                findings.push(Finding::new(&shown, "", message));
                String::new()
            }
        };
        let settings = toml::from_str(&text).unwrap_or_else(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| line(&text, span.start));
            let message = match unquoted(&text) {
                Some(mend) => format!("line {line}: {mend}"),
                None => format!("line {line}: {}", error.message()),
            };
            findings.push(Finding::new(&shown, "", message).rule(Rule::Settings));
            Self::default()
        });
        Self { shown, ..settings }
    }

    /// What is said of the event that `source` is a version of.
    pub fn event(&self, source: &Source) -> Option<&Event> {
        self.events.get(&source.event_key())
    }

    /// What the versions of a context's events must read of each other. Events are never written
    /// anew, so the newest version must read all of them; more is for readers that are not rebuilt.
    pub fn mode(&self, context: &str) -> Mode {
        let own = self
            .contexts
            .get(context)
            .and_then(|context| context.compatibility);
        let Compatibility(mode) = own
            .or(self.compatibility)
            .unwrap_or(Compatibility(Mode::BackwardTransitive));
        mode
    }

    /// Whether Rust code reads the version as the newest.
    pub fn is_upcast(&self, source: &Source) -> bool {
        self.event(source)
            .is_some_and(|event| event.upcast.contains(&source.version))
    }

    /// The folder of the event that this event is read as.
    pub fn became(&self, key: &str) -> Option<String> {
        let other = self.events.get(key)?.became.as_ref()?;
        let (aggregate, _) = key.rsplit_once('/')?;
        Some(format!("{aggregate}/{other}"))
    }

    /// Whether all that is said is of events and versions that are there, and can be done.
    pub fn check(&self, sources: &[Source], findings: &mut Vec<Finding>) {
        for context in self.contexts.keys() {
            if !sources.iter().any(|source| source.context == *context) {
                let message = format!(
                    "[contexts.{context:?}] is not in the tree: a context is named after its folder"
                );
                findings.push(Finding::new(&self.shown, "", message).rule(Rule::Settings));
            }
        }
        for (key, event) in &self.events {
            let versions: Vec<_> = sources.iter().filter(|s| s.event_key() == *key).collect();
            for wrong in wrong(self, key, event, &versions, sources) {
                let message = format!("[events.{key:?}] {wrong}");
                findings.push(Finding::new(&self.shown, "", message).rule(Rule::Settings));
            }
        }
    }
}

/// What can't be done of what is said of an event.
fn wrong(
    settings: &Settings,
    key: &str,
    event: &Event,
    versions: &[&Source],
    sources: &[Source],
) -> Vec<String> {
    let Some(newest) = versions.last() else {
        return vec![
            "is not in the tree: an event is named after its folder, <context>/<aggregate>/<Event>"
                .to_owned(),
        ];
    };
    let mut wrong = Vec::new();
    let newest_is_read = event.became.is_some();
    for &version in &event.upcast {
        if version > newest.version || version == 0 {
            wrong.push(format!("upcast: there is no version {version}"));
        } else if version == newest.version && !newest_is_read {
            wrong.push(format!(
                "upcast: version {version} is the newest; an upcaster makes the newest version from an older one"
            ));
        }
    }
    if let Some(other) = &event.became {
        wrong.extend(became(settings, key, other, sources));
        if event.retired.is_some() {
            wrong.push(
                "`retired` and `became`: an event that became another one is retired by that"
                    .to_owned(),
            );
        }
    }
    wrong
}

fn became(settings: &Settings, key: &str, other: &str, sources: &[Source]) -> Option<String> {
    let aggregate = key.rsplit_once('/').map_or("", |(aggregate, _)| aggregate);
    let target = settings.became(key)?;
    let known = sources.iter().any(|source| source.event_key() == target);
    if target == key || !known {
        return Some(format!(
            "became: `{other}` is no other event of {aggregate}; the event that this one is read as has a folder beside it"
        ));
    }
    let further = settings.events.get(&target)?.became.as_ref()?;
    Some(format!(
        "became: `{other}` became `{further}` itself; name that one"
    ))
}

/// The way that is always open, told behind a finding that says why Avro can't read a version.
pub(crate) fn or_upcast(event: &str, version: u32) -> String {
    format!(
        "; or read version {version} with Rust code, an upcaster: name {version} in `upcast` under [events.{event:?}] in \
         {NAME}"
    )
}

/// How to mend an event's key that stands there without quotes, which are tables within each other.
fn unquoted(text: &str) -> Option<String> {
    let table: toml::Table = text.parse().ok()?;
    for (context, aggregates) in tables(table.get("events")?) {
        for (aggregate, events) in tables(aggregates) {
            if let Some((event, _)) = tables(events).next() {
                return Some(format!(
                    "[events.{context}.{aggregate}.{event}]: the key needs quotes and slashes, as the folder is called: \
                     [events.\"{context}/{aggregate}/{event}\"]"
                ));
            }
        }
    }
    None
}

/// The tables in a table, and their keys.
fn tables(value: &toml::Value) -> impl Iterator<Item = (&String, &toml::Value)> {
    let table = value.as_table().into_iter().flatten();
    table.filter(|(_, value)| value.is_table())
}

/// The line, from 1, of a place in a text.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

//! Whether the newest version of each event goes with the older ones, as its context asks.

use factum_schema::{Direction, Mode, Schema, Violation};

use crate::finding::{Finding, Rule};
use crate::settings::{self, Settings};
use crate::tree::Source;

/// A version, and its file.
type Parsed<'a> = (&'a Source, Schema);

/// Versions of one event, and of those that became it, the oldest first.
struct History<'a> {
    older: Vec<&'a Parsed<'a>>,
    newest: &'a Parsed<'a>,
}

/// Notes everything that older and newest versions can't read of each other. Files that are no
/// schemas are left to who reads them.
pub(crate) fn check(sources: &[Source], settings: &Settings, findings: &mut Vec<Finding>) {
    for versions in chains(sources, settings) {
        let Some(schemas) = parsed(versions) else {
            continue;
        };
        let Some((newest, older)) = schemas.split_last() else {
            continue;
        };
        let mode = settings.mode(&newest.0.context);
        // What Rust code reads, the newest version need not. Deployed readers may have it all the same.
        let by_rules = |(source, _): &&Parsed<'_>| !settings.is_upcast(source);
        let read = older.iter().filter(by_rules).collect();
        let reading = older.iter().collect();
        for (half, older) in [(Mode::BackwardTransitive, read), (forward(mode), reading)] {
            let history = History { older, newest };
            let found = history.violations(half);
            findings.extend(found.iter().map(|found| history.finding(found, mode)));
        }
    }
}

/// The versions as schemas, if all are.
fn parsed<'a>(versions: Vec<&'a Source>) -> Option<Vec<Parsed<'a>>> {
    let parse = |source: &'a Source| Some((source, Schema::parse(&source.text).ok()?));
    versions.into_iter().map(parse).collect()
}

/// Each event's versions; those of an event that became another stand before the other's.
fn chains<'a>(sources: &'a [Source], settings: &Settings) -> Vec<Vec<&'a Source>> {
    let mut chains: Vec<Vec<&Source>> = Vec::new();
    // A shared type is checked where events use it.
    for source in sources.iter().filter(|source| !source.is_shared_type()) {
        match chains.last_mut() {
            Some(chain) if chain[0].event_key() == source.event_key() => chain.push(source),
            _ => chains.push(vec![source]),
        }
    }
    for key in settings.events.keys() {
        let of =
            |chain: &Vec<&Source>, key: &str| chain.last().is_some_and(|s| s.event_key() == key);
        let from = chains.iter().position(|chain| of(chain, key));
        let to = settings
            .became(key)
            .and_then(|to| chains.iter().position(|chain| of(chain, &to)));
        if let (Some(from), Some(to)) = (from, to) {
            let older = std::mem::take(&mut chains[from]);
            chains[to].splice(..0, older);
        }
    }
    chains
}

/// What a mode asks for beyond that the newest version reads all older ones, without which no code
/// could be generated.
fn forward(mode: Mode) -> Mode {
    match mode {
        Mode::None | Mode::Backward | Mode::BackwardTransitive => Mode::None,
        Mode::Forward | Mode::Full => Mode::Forward,
        Mode::ForwardTransitive | Mode::FullTransitive => Mode::ForwardTransitive,
    }
}

impl History<'_> {
    fn violations(&self, mode: Mode) -> Vec<Violation> {
        let older: Vec<_> = self.older.iter().map(|(_, schema)| schema).collect();
        let mut found = factum_schema::check(mode, &older, &self.newest.1);
        found.retain(|found| self.counts(found));
        found
    }

    /// Precision that is lost, and bytes that may be no text, are the author's to judge. That an event
    /// became another one is said in `schemas.toml`.
    fn counts(&self, found: &Violation) -> bool {
        use factum_schema::Rule::{BytesAsText, LossyPromotion, NameMismatch};
        let wrong = &found.incompatibility;
        let became = self.older[found.older].0.event != self.newest.0.event;
        let of_event = wrong.reader.is_empty() && wrong.writer.is_empty();
        match wrong.rule {
            LossyPromotion | BytesAsText => false,
            NameMismatch => !(became && of_event),
            _ => true,
        }
    }

    fn finding(&self, found: &Violation, mode: Mode) -> Finding {
        let wrong = &found.incompatibility;
        let (older, _) = &self.older[found.older];
        let (newest, at) = match found.direction {
            Direction::Backward => (&wrong.reader, &wrong.writer),
            Direction::Forward => (&wrong.writer, &wrong.reader),
        };
        let at = if at.is_empty() { "/" } else { at };
        let Source { version, shown, .. } = older;
        let why = match found.direction {
            Direction::Backward => format!(
                "(version {version} is {shown}: {at}){}",
                settings::or_upcast(&older.event_key(), *version)
            ),
            Direction::Forward => {
                format!(
                    "(version {version}, {shown}: {at}, must read this one: the mode is {mode})"
                )
            }
        };
        let message = format!("{}; {} {why}", wrong.message, wrong.mend);
        Finding::new(&self.newest.0.shown, newest, message).rule(Rule::Compatibility(wrong.rule))
    }
}

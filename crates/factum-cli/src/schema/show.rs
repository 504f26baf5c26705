//! `factum schema show`.

use std::path::PathBuf;

use clap::Args;
use factum_build::{Builder, CheckedVersion};
use serde::Serialize;

use super::{SchemaError, file};
use crate::failure::Failure;
use crate::output::{self, Cell, Table};

const AFTER_HELP: &str = "\
A version is `released` if schemas.lock lists it, and `new` if not. FINGERPRINT is by what values in the log name it.
READ tells how it is read as its event's newest version: straight, by Avro's rules, or by an upcaster in Rust. An event
that is retired is no longer produced, and one that became another one is read as that: schemas.toml says so.
Types that events share come last: they are `shared`, and read within the events that refer to them.
Nothing is said about mistakes: `factum schema check` lists them.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The folder of the schemas
    #[arg(default_value = "schemas")]
    dir: PathBuf,

    /// Print a JSON object for each version
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Line {
    /// Whether it is a type that events share: `event` is its folder.
    shared: bool,
    event: String,
    version: u32,
    fingerprint: Option<String>,
    released: bool,
    newest: bool,
    upcast: bool,
    retired: Option<String>,
    became: Option<String>,
}

impl Flags {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let folder = file::folder(&self.dir)?;
        let tree = Builder::new()
            .check(folder, &[])
            .map_err(SchemaError::from)?;
        let lines: Vec<_> = lines(&tree.versions, false)
            .chain(lines(&tree.types, true))
            .collect();
        Ok(output::list(&lines, self.json, table)?)
    }
}

fn lines(versions: &[CheckedVersion], shared: bool) -> impl Iterator<Item = Line> {
    let events = versions.chunk_by(|a, b| a.event == b.event);
    events.flat_map(move |versions| versions.iter().map(move |it| line(it, versions, shared)))
}

fn line(version: &CheckedVersion, versions: &[CheckedVersion], shared: bool) -> Line {
    Line {
        shared,
        event: version.event.clone(),
        version: version.version,
        fingerprint: version.fingerprint.map(|it| format!("{it:016x}")),
        released: version.locked,
        newest: versions
            .last()
            .is_some_and(|newest| newest.version == version.version),
        upcast: version.upcast,
        retired: version.retired.clone(),
        became: version.became.clone(),
    }
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new(["event", "version", "fingerprint", "state", "read", "said"]);
    for line in lines {
        table.row([
            Cell::text(&line.event),
            Cell::number(line.version),
            Cell::text(line.fingerprint.as_deref().unwrap_or("-")),
            Cell::text(if line.released { "released" } else { "new" }),
            Cell::text(read(line)),
            Cell::text(said(line)),
        ]);
    }
    table
}

fn read(line: &Line) -> &'static str {
    match line {
        Line { shared: true, .. } => "shared",
        Line { upcast: true, .. } => "upcast",
        Line {
            newest: true,
            became: None,
            ..
        } => "straight",
        _ => "resolved",
    }
}

fn said(line: &Line) -> String {
    match (&line.retired, &line.became) {
        (Some(why), _) => format!("retired: {why}"),
        (None, Some(other)) => format!("became {other}"),
        (None, None) => String::new(),
    }
}

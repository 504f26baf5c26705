//! `factum schema check`.

use std::io;
use std::path::PathBuf;

use clap::Args;
use factum_build::{Builder, Checked, Finding};
use serde::Serialize;

use super::{SchemaError, file, git};
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
It is what a build checks, without a build: every file is a schema that code can be generated for; a version that
schemas.lock lists is as it was released; the newest version of an event reads every older one, by Avro's rules or by
an upcaster that schemas.toml names; and as far as the context's mode asks, older versions read the newest. The mode is
`compatibility` in schemas.toml, BACKWARD_TRANSITIVE if nothing is said.

A line is a finding: file, JSON pointer, what and how to mend it, and the rule in brackets. All are listed.
As in a build, a version that schemas.lock does not list is a finding if it may not be added there: with --locked,
FACTUM_LOCKED=1 or CI=true.

--against asks git what another state of the folder released, whatever schemas.lock says of it: name the branch that
is merged into, so that nobody changes a version by taking its line out of the lock. A folder that had no versions there
is an error, since nothing could be compared: it was renamed, or, with --allow-new, it is new.

Examples:
  factum schema check
  factum schema check schemas --against origin/main
  factum schema check --locked --json | jq -r '.file + \": \" + .rule'";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The folder of the schemas
    #[arg(default_value = "schemas")]
    dir: PathBuf,

    /// A branch, tag or commit whose versions must be there, unchanged; may be given several times
    #[arg(long, value_name = "REF")]
    against: Vec<String>,

    /// Pass where a REF of --against has no versions in this folder: the folder is new
    #[arg(long, requires = "against")]
    allow_new: bool,

    /// A version that schemas.lock does not list is a finding
    #[arg(long)]
    locked: bool,

    /// Print a JSON object for each finding
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    file: &'a str,
    pointer: &'a str,
    rule: &'a str,
    message: &'a str,
}

impl Flags {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let folder = file::folder(&self.dir)?;
        let releases = self
            .against
            .iter()
            .map(|reference| git::release(folder, reference, self.allow_new));
        let releases = releases.collect::<Result<Vec<_>, _>>()?;
        let builder = match self.locked {
            true => Builder::new().locked(true),
            false => Builder::new(),
        };
        let checked = builder
            .check(folder, &releases)
            .map_err(SchemaError::from)?;
        for finding in &checked.findings {
            self.print(finding)?;
        }
        match checked.findings.len() {
            0 if self.json => Ok(()),
            0 => Ok(output::print(&self.summary(&checked))?),
            findings => {
                let place = self.dir.display().to_string();
                Err(SchemaError::Findings { findings, place }.into())
            }
        }
    }

    fn print(&self, finding: &Finding) -> io::Result<()> {
        let rule = finding.rule.as_str();
        if !self.json {
            return output::print(&format!("{finding} [{rule}]\n"));
        }
        output::object(&Line {
            file: &finding.file,
            pointer: &finding.pointer,
            rule,
            message: &finding.message,
        })
    }

    fn summary(&self, checked: &Checked) -> String {
        let versions = checked.versions.len();
        let events = checked.versions.chunk_by(|a, b| a.event == b.event).count();
        let modes: Vec<_> = checked
            .modes
            .iter()
            .map(|(name, mode)| format!("{name} is {mode}"))
            .collect();
        format!(
            "{} is in order: events {events}, versions {versions}; {}\n",
            self.dir.display(),
            modes.join(", ")
        )
    }
}

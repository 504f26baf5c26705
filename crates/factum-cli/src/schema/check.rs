//! `factum schema check`.

use std::io;
use std::path::PathBuf;

use clap::Args;
use factum_build::{Checked, CheckedVersion};
use factum_registry::RegistryError;

use super::code::CodeFlags;
use super::line::Line;
use super::registry::{Compared, RegistryFlags};
use super::{SchemaError, file, git};
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
It is what a build checks, without a build: every file is a schema that code can be generated for; a version that
schemas.lock lists is as it was released; the newest version of an event reads every older one, by Avro's rules or by
an upcaster that schemas.toml names; and as far as the context's mode asks, older versions read the newest. The mode is
`compatibility` in schemas.toml, BACKWARD_TRANSITIVE if nothing is said.

--borrowed and --decimals are for builds with these options, which refuse more: a name that a borrowed form has, and
decimals of more than 28 digits. --times changes nothing that is refused.

A line is a finding: file, JSON pointer, what and how to mend it, and the rule in brackets. All are listed.
As in a build, a version that schemas.lock does not list is a finding if it may not be added there: with --locked,
FACTUM_LOCKED=1 or CI=true. What a build only warns of, such as a logical type that Avro does not know, is a note: it is
told, and fails nothing.

--against asks git what another state of the folder released, whatever schemas.lock says of it: name the branch that
is merged into, so that nobody changes a version by taking its line out of the lock. A folder that had no versions there
is an error, since nothing could be compared: it was renamed, or, with --allow-new, it is new.

--registry asks a schema registry what it has under the subjects of the events, and registers nothing. Findings are: a
version that it has as another schema; one that it has and the tree has not, or that is no Avro; and a version that it
does not have yet and that breaks the compatibility level of its subject, by Avro's rules or by the registry's own word.
That a version is not registered yet is told, and fails nothing: deploying registers it. With --registered it fails,
after a deploy.

Exit codes: 0 in order; 1 findings; 2 wrong usage, or git or the registry cannot be asked.

Examples:
  factum schema check
  factum schema check schemas --against origin/main
  factum schema check --locked --registry https://registry.example:8081
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

    #[command(flatten)]
    code: CodeFlags,

    #[command(flatten)]
    registry: RegistryFlags,

    /// Print a JSON object for each finding
    #[arg(long)]
    json: bool,
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
            true => self.code.builder().locked(true),
            false => self.code.builder(), // the environment says
        };
        let checked = builder
            .check(folder, &releases)
            .map_err(SchemaError::from)?;
        let mut lines: Vec<_> = checked.findings.iter().map(Line::from).collect();
        lines.extend(checked.warnings.iter().map(Line::note));
        let compared = self.compare(&checked);
        if let Ok(Some(compared)) = &compared {
            take_in(&mut lines, &compared.lines);
        }
        lines.sort_by(|a, b| a.file.cmp(&b.file));
        lines.iter().try_for_each(|line| self.print(line))?;
        let compared = compared.map_err(SchemaError::from)?;
        match lines.iter().filter(|line| !line.note).count() {
            0 if self.json => Ok(()),
            0 => Ok(output::print(&self.summary(&checked, compared.as_ref()))?),
            findings => {
                let place = self.dir.display().to_string();
                Err(SchemaError::Findings { findings, place }.into())
            }
        }
    }

    fn compare(&self, checked: &Checked) -> Result<Option<Compared>, RegistryError> {
        let shown = self.dir.display().to_string();
        let shown = shown.trim_end_matches('/');
        self.registry.compare(shown, &checked.versions)
    }

    fn print(&self, line: &Line) -> io::Result<()> {
        match self.json {
            true => output::object(line),
            false => output::print(&format!("{line}\n")),
        }
    }

    fn summary(&self, checked: &Checked, compared: Option<&Compared>) -> String {
        let mut parts = vec![counted("events", &checked.versions)];
        if !checked.types.is_empty() {
            parts.push(counted("shared types", &checked.types));
        }
        let counted = parts.join("; ");
        let modes: Vec<_> = checked
            .modes
            .iter()
            .map(|(name, mode)| format!("{name} is {mode}"))
            .collect();
        let registry = compared.map(|it| format!("; {}", it.summary()));
        format!(
            "{} is in order: {counted}; {}{}\n",
            self.dir.display(),
            modes.join(", "),
            registry.unwrap_or_default()
        )
    }
}

/// How many of them there are, and how many versions.
fn counted(what: &str, versions: &[CheckedVersion]) -> String {
    let count = versions.chunk_by(|a, b| a.event == b.event).count();
    format!("{what} {count}, versions {}", versions.len())
}

/// Adds what a registry has led to, unless it is told already.
fn take_in(lines: &mut Vec<Line>, of_registry: &[Line]) {
    let told = lines.clone();
    let new = |line: &&Line| !told.iter().any(|it| line.is_told_by(it));
    lines.extend(of_registry.iter().filter(new).cloned());
}

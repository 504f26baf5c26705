//! `factum schema compat`.

use std::path::PathBuf;

use clap::Args;
use factum::schema::{Mode, Rule, Violation, check};
use serde::Serialize;

use super::{SchemaError, file};
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
The rules are those of Avro, as in Java and in a schema registry, and one more: a logical type is not read as another.
A line: where in the newer schema, as a JSON pointer, what, how to mend it, and the rule in brackets. A note is told and
does not fail: digits that get lost, bytes that are read as text.

Examples:
  factum schema compat Submitted/1.avsc Submitted/2.avsc
  factum schema compat Submitted/1.avsc Submitted/2.avsc --mode FULL";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The older schema, a file
    older: PathBuf,

    /// The newer schema, a file
    newer: PathBuf,

    /// BACKWARD: the newer reads the older; FORWARD: the older reads the newer; FULL: both
    #[arg(long, default_value = "BACKWARD", value_name = "MODE")]
    mode: Mode,

    /// Print a JSON object for each finding
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    direction: &'a str,
    rule: &'a str,
    older: &'a str,
    newer: &'a str,
    message: &'a str,
    mend: &'a str,
    note: bool,
}

impl Flags {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let (older, newer) = (file::read(&self.older)?, file::read(&self.newer)?);
        let violations = check(self.mode, &[&older], &newer);
        for violation in &violations {
            let line = line(violation);
            match self.json {
                true => output::object(&line)?,
                false => output::print(&text(&line))?,
            }
        }
        match violations.iter().filter(|found| !is_note(found)).count() {
            0 => Ok(()),
            findings => Err(SchemaError::Incompatible {
                findings,
                mode: self.mode,
            }
            .into()),
        }
    }
}

/// What an author may judge.
fn is_note(violation: &Violation) -> bool {
    let rule = violation.incompatibility.rule;
    matches!(rule, Rule::LossyPromotion | Rule::BytesAsText)
}

fn line(violation: &Violation) -> Line<'_> {
    let wrong = &violation.incompatibility;
    let (newer, older) = match violation.direction {
        factum::schema::Direction::Backward => (&wrong.reader, &wrong.writer),
        factum::schema::Direction::Forward => (&wrong.writer, &wrong.reader),
    };
    Line {
        direction: violation.direction.as_str(),
        rule: wrong.rule.as_str(),
        older,
        newer,
        message: &wrong.message,
        mend: &wrong.mend,
        note: is_note(violation),
    }
}

fn text(line: &Line<'_>) -> String {
    let Line {
        direction,
        rule,
        message,
        mend,
        ..
    } = line;
    let note = if line.note { "note: " } else { "" };
    let at = if line.newer.is_empty() {
        "/"
    } else {
        line.newer
    };
    format!("{at}: {direction}: {message}; {mend} [{note}{rule}]\n")
}

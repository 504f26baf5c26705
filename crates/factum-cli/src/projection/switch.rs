//! `factum projection switch`.

use clap::Args;
use serde_json::json;

use super::choice;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Readers are led to the version in one transaction, and never go back in time: a version that is behind the
live one is refused. To go back to an old version, keep its workers running until it is dropped.
The role must own the tables, as the one that made them does.

Example:
  factum projection switch board --to 1";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    which: choice::Choice,
    /// The version that readers are to see
    #[arg(long, value_name = "N")]
    to: u32,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (operations, found) = self.which.find(Some(self.to), &[]).await?;
        let (name, version) = (&self.which.name, found.version);
        operations.switch(name, version).await?;
        if self.which.postgres.json {
            return Ok(output::object(
                &json!({ "projection": name, "live": version }),
            )?);
        }
        Ok(output::print(&format!(
            "readers of {name} see version {version} now\n"
        ))?)
    }
}

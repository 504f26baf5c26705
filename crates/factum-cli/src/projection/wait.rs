//! `factum projection wait`.

use std::time::Duration;

use clap::Args;
use factum::{ReadModel, ReadModelOptions};
use factum_core::ConsistencyToken;
use serde_json::json;

use super::choice;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
A token is what a command's receipt gives: partition and sequence, as in 3:1234. When this ends with exit code 0,
every statement that begins then shows what the command did; with 3, the time was over.

Example:
  factum projection wait board --token 3:1234 --timeout 5";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    which: choice::Choice,
    /// What is to be shown
    #[arg(long, value_name = "PARTITION:SEQUENCE")]
    token: ConsistencyToken,
    /// The version [default: the live one]
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Seconds to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u32,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let options = ReadModelOptions {
            version: self.version,
            schema: self.which.postgres.schema.clone(),
            ..ReadModelOptions::default()
        };
        let (url, name) = (&self.which.postgres.postgres, &self.which.name);
        let model = ReadModel::open(url, name, options).await?;
        let timeout = Duration::from_secs(self.timeout.into());
        model.wait_for(self.token, timeout).await?;
        let token = self.token.to_string();
        if self.which.postgres.json {
            return Ok(output::object(
                &json!({ "projection": name, "token": token, "shown": true }),
            )?);
        }
        Ok(output::print(&format!("{name} shows {token}\n"))?)
    }
}

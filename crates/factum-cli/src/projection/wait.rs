//! `factum projection wait`.

use std::time::Duration;

use clap::Args;
use factum::{ReadModel, ReadModelOptions};
use factum_core::ConsistencyToken;
use factum_projector::CaughtUp;
use serde_json::json;

use super::choice;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
With --log: the log is asked where it ends, and the read model waited for until it shows all events up to there;
what comes later does not count. Events that are parked are not shown, so with such it fails (exit code 1), unless
--but-parked says that they do not matter. It fails, too, where events were parked once, and the role may not see dead
letters, and so not whether some still are.

With --token: one command is waited for. A token is what its receipt gives: partition and sequence, as in 3:1234.

When this ends with exit code 0, every statement that begins then shows what was waited for; with 3, the time was
over, and standard error says how far the read model is.

Examples:
  factum projection wait board --log kafka://localhost:9092 --timeout 600
  factum projection wait board --version 2 --log kafka://localhost:9092
  factum projection wait board --token 3:1234 --timeout 5";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    which: choice::Choice,
    /// Wait for what this command did, and nothing else
    #[arg(long, value_name = "PARTITION:SEQUENCE")]
    token: Option<ConsistencyToken>,
    /// The topic that the token is of, where the projection reads several
    #[arg(long, value_name = "TOPIC", requires = "token")]
    topic: Option<String>,
    /// Address of the log, whose end is waited for: kafka://localhost:9092 or local:DIR. It alone knows how
    /// much there is
    #[arg(
        long,
        env = "FACTUM_LOG",
        value_name = "URL",
        required_unless_present = "token"
    )]
    log: Option<String>,
    /// The version [default: the live one]
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Seconds to wait
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    timeout: u32,
    /// Do not mind events that are parked
    #[arg(long, conflicts_with = "token")]
    but_parked: bool,
}

impl Flags {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match (self.token, &self.log) {
            (None, Some(log)) => self.for_end(log).await,
            (token, _) => self.for_token(token.expect("clap asks for either")).await,
        }
    }

    async fn for_end(&self, log: &str) -> Result<(), Failure> {
        let (operations, name) = (self.which.postgres.operations().await?, &self.which.name);
        let log = factum::open_log(log).await?;
        let end = operations.wait_for_end(&*log, name, self.version, self.timeout());
        let end = end.await?;
        let (version, parked) = (end.version, end.parked);
        self.mind_parked(version, parked)?;
        if self.which.postgres.json {
            let answer = json!({
                "projection": name, "version": version, "partitions": end.partitions,
                "caught_up": true, "parked": parked
            });
            return Ok(output::object(&answer)?);
        }
        Ok(output::print(&shown(name, &end))?)
    }

    /// Fails where parked events are missing, or may be.
    fn mind_parked(&self, version: u32, parked: Option<u64>) -> Result<(), Failure> {
        let name = self.which.name.clone();
        match parked {
            _ if self.but_parked => Ok(()),
            Some(0) => Ok(()),
            Some(parked) => Err(Failure::Parked {
                name,
                version,
                parked,
            }),
            None => Err(Failure::ParkedUnseen {
                name,
                version,
                schema: self.which.postgres.schema.clone(),
            }),
        }
    }

    async fn for_token(&self, token: ConsistencyToken) -> Result<(), Failure> {
        let options = ReadModelOptions {
            version: self.version,
            schema: self.which.postgres.schema.clone(),
            topic: self.topic.clone(),
            ..ReadModelOptions::default()
        };
        let (url, name) = (&self.which.postgres.postgres, &self.which.name);
        let model = ReadModel::open(url, name, options).await?;
        model.wait_for(token, self.timeout()).await?;
        let token = token.to_string();
        if self.which.postgres.json {
            return Ok(output::object(
                &json!({ "projection": name, "token": token, "shown": true }),
            )?);
        }
        Ok(output::print(&format!("{name} shows {token}\n"))?)
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.into())
    }
}

fn shown(name: &str, end: &CaughtUp) -> String {
    let but = match end.parked {
        Some(0) => String::new(),
        Some(parked) => format!(" but {parked}, which are parked"),
        None => " but those that may be parked, which this role may not see".into(),
    };
    let (version, partitions) = (end.version, end.partitions);
    format!("{name} version {version} shows all events of {partitions} partitions{but}\n")
}

//! The flags that say where Postgres and the log are, alike in every command that needs them.

use std::sync::Arc;

use clap::Args;
use factum::{EventLog, LogError, ProjectorError};
use factum_projector::Operations;

/// Where Postgres is, and how to print what it says.
#[derive(Clone, Debug, Args)]
pub(crate) struct Postgres {
    /// Address of Postgres: postgres://user:password@host:port/database
    #[arg(
        long,
        env = "FACTUM_POSTGRES",
        value_name = "URL",
        hide_env_values = true
    )]
    pub postgres: String,
    /// Postgres schema of Factum's own tables
    #[arg(
        long,
        env = "FACTUM_SCHEMA",
        value_name = "NAME",
        default_value = "factum"
    )]
    pub schema: String,
    /// Print JSON: one object, or one a line for a list
    #[arg(long)]
    pub json: bool,
}

impl Postgres {
    /// Connects.
    pub(crate) async fn operations(&self) -> Result<Operations, ProjectorError> {
        Operations::connect(&self.postgres, &self.schema).await
    }
}

/// Where the log is, for commands that read it.
#[derive(Clone, Debug, Args)]
pub(crate) struct Log {
    /// Address of the log, for example kafka://localhost:9092 or local:DIR
    #[arg(long, env = "FACTUM_LOG", value_name = "URL")]
    pub log: String,
}

impl Log {
    /// Opens the log.
    pub(crate) async fn open(&self) -> Result<Arc<dyn EventLog>, LogError> {
        factum::open_log(&self.log).await
    }
}

//! The flags that say where Postgres and the log are, alike in every command that needs them.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use factum::{EventLog, LogError, ProjectorError};
use factum_projector::Operations;
use factum_registry::{HttpRegistry, RegistryError, Settings};

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

/// Where a schema registry is, for commands that may ask one.
#[derive(Clone, Debug, Args)]
pub(crate) struct SchemaRegistry {
    /// Address of a schema registry: http[s]://[user:password@]host[:port][/path]
    #[arg(
        long,
        env = "FACTUM_REGISTRY",
        value_name = "URL",
        hide_env_values = true
    )]
    pub registry: Option<String>,
    /// File of the certificates that vouch for the registry (PEM); those that this machine trusts, if there is none
    #[arg(long, env = "FACTUM_REGISTRY_CA", value_name = "FILE")]
    pub registry_ca: Option<PathBuf>,
}

impl SchemaRegistry {
    /// Gets ready to ask, if a registry is named. Nothing is asked yet.
    pub(crate) fn client(&self) -> Result<Option<HttpRegistry>, RegistryError> {
        let settings = self.settings()?;
        settings.as_ref().map(HttpRegistry::connect).transpose()
    }

    /// How it is asked, if a registry is named.
    pub(crate) fn settings(&self) -> Result<Option<Settings>, RegistryError> {
        // A variable that CI sets from a secret is empty where there is none.
        let Some(address) = self.registry.as_deref().filter(|it| !it.is_empty()) else {
            return Ok(None);
        };
        let mut settings = Settings::parse(address)?;
        settings.authority = self.registry_ca.clone();
        Ok(Some(settings))
    }
}

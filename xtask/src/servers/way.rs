//! How a server comes to this machine.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::{Server, docker, kafka, maven, programs, registry};

/// A way to run a server, in the order in which they are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// A Docker engine that answers, with Compose, and the project's docker-compose.yml.
    Docker,
    /// Server binaries on this machine.
    Local,
    /// Binaries fetched through Maven, run by Java 17 or newer.
    Maven,
}

impl Way {
    /// All ways, the preferred one first.
    pub const ALL: [Way; 3] = [Way::Docker, Way::Local, Way::Maven];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Way::Docker => "Docker",
            Way::Local => "local binaries",
            Way::Maven => "Maven",
        }
    }

    /// Docker keeps its data in volumes, the others theirs in the same directory.
    pub(crate) fn shares_data_with(self, other: Way) -> bool {
        (self == Way::Docker) == (other == Way::Docker)
    }
}

/// Whether `way` can run `server` here; if not, what is missing.
pub(crate) fn probe(server: Server, way: Way) -> Result<(), String> {
    match (way, server) {
        (Way::Docker, _) => docker::available(),
        (Way::Local, Server::Kafka) => kafka::local_jars().and(maven::java()).map(drop),
        (Way::Local, Server::Postgres) => programs::local_bin().map(drop),
        (Way::Local, Server::Registry) => registry::local_home().and(maven::java()).map(drop),
        (Way::Maven, Server::Kafka | Server::Registry) => maven::available(),
        (Way::Maven, Server::Postgres) => maven::available().and(programs::platform().map(drop)),
    }
}

/// The way that the environment variable `FACTUM_SERVERS` forces, if it is set.
///
/// # Errors
/// When it names no way.
pub(crate) fn forced_by_environment() -> Result<Option<Way>> {
    let name = std::env::var("FACTUM_SERVERS").unwrap_or_default();
    if name.is_empty() {
        return Ok(None);
    }
    match <Way as clap::ValueEnum>::from_str(&name, true) {
        Ok(way) => Ok(Some(way)),
        Err(_) => {
            bail!("FACTUM_SERVERS={name} is no way to run servers: use docker, local or maven")
        }
    }
}

/// The full path of an executable on PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// Both outputs of a command that ended well.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&text).into_owned())
}

//! How a server comes to this machine, and which way is taken.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::{Server, docker, kafka, maven, postgres};

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
}

/// Picks the first way that `probe` accepts; `forced` leaves only that one.
///
/// # Errors
/// One error that lists every way and what it lacks.
pub(crate) fn choose(
    server: Server,
    forced: Option<Way>,
    probe: impl Fn(Way) -> Result<(), String>,
) -> Result<Way> {
    let mut missing = Vec::new();
    for way in Way::ALL
        .into_iter()
        .filter(|way| forced.is_none_or(|f| f == *way))
    {
        match probe(way) {
            Ok(()) => return Ok(way),
            Err(lack) => missing.push(format!("  - {}: {lack}", way.name())),
        }
    }
    bail!(
        "no way to run {} on this machine. Any one of these is enough:\n  - an address: set {}\n{}",
        server.name(),
        server.variable(),
        missing.join("\n"),
    )
}

/// Whether `way` can run `server` here; if not, what is missing.
pub(crate) fn probe(server: Server, way: Way) -> Result<(), String> {
    match (way, server) {
        (Way::Docker, _) => docker::available(),
        (Way::Local, Server::Kafka) => kafka::local_jars().and(maven::java()).map(drop),
        (Way::Local, Server::Postgres) => postgres::local_bin().map(drop),
        (Way::Maven, Server::Kafka) => maven::available(),
        (Way::Maven, Server::Postgres) => maven::available().and(postgres::platform().map(drop)),
    }
}

/// The way that the environment variable `FACTUM_SERVERS` forces, if it is set.
///
/// # Errors
/// When it names no way.
pub(crate) fn forced_by_environment() -> Result<Option<Way>> {
    let Ok(name) = std::env::var("FACTUM_SERVERS") else {
        return Ok(None);
    };
    match <Way as clap::ValueEnum>::from_str(&name, true) {
        Ok(way) => Ok(Some(way)),
        Err(_) => {
            bail!("FACTUM_SERVERS={name} names no way to run servers: docker, local or maven")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn only(offered: Way) -> impl Fn(Way) -> Result<(), String> {
        move |way| {
            if way == offered {
                Ok(())
            } else {
                Err(format!("no {}", way.name()))
            }
        }
    }

    #[test]
    fn the_first_way_that_applies_is_taken() {
        assert_eq!(
            choose(Server::Kafka, None, |_| Ok(())).unwrap(),
            Way::Docker
        );
        assert_eq!(
            choose(Server::Kafka, None, only(Way::Local)).unwrap(),
            Way::Local
        );
        assert_eq!(
            choose(Server::Kafka, None, only(Way::Maven)).unwrap(),
            Way::Maven
        );
    }

    #[test]
    fn a_forced_way_is_the_only_one() {
        assert_eq!(
            choose(Server::Kafka, Some(Way::Maven), |_| Ok(())).unwrap(),
            Way::Maven
        );
        assert!(choose(Server::Kafka, Some(Way::Local), only(Way::Maven)).is_err());
    }

    #[test]
    fn none_is_one_error_that_lists_the_ways() {
        let error = choose(Server::Postgres, None, |way| {
            Err(format!("lack of {}", way.name()))
        });
        let text = error.unwrap_err().to_string();
        assert!(text.contains("set FACTUM_POSTGRES"), "{text}");
        for way in Way::ALL {
            assert!(text.contains(&format!("lack of {}", way.name())), "{text}");
        }
    }
}

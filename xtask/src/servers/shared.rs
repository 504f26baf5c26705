//! The servers that tests and demos share.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Server;
use super::instance::Instance;
use super::record::Record;

/// Which servers to bring up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// A Kafka broker.
    pub kafka: bool,
    /// A Postgres server.
    pub postgres: bool,
    /// A schema registry.
    pub registry: bool,
}

/// Where the servers listen; none for one that was not wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// `host:port`.
    pub kafka: Option<String>,
    /// `postgres://…`.
    pub postgres: Option<String>,
    /// `http://…`.
    pub registry: Option<String>,
}

/// Where everything about servers is kept: `factum` in Cargo's target directory.
pub fn factum_dir() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    workspace.join(target).join("factum")
}

impl Addresses {
    /// The environment variables in which tests look for the servers.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let known = [
            (Server::Kafka, &self.kafka),
            (Server::Postgres, &self.postgres),
            (Server::Registry, &self.registry),
        ];
        let variable = |(server, at): (Server, &Option<String>)| {
            at.clone().map(|address| (server.variable(), address))
        };
        known.into_iter().filter_map(variable).collect()
    }

    /// The same as lines of `NAME=value`.
    pub fn lines(&self) -> String {
        let line = |(name, value)| format!("{name}={value}\n");
        self.variables().into_iter().map(line).collect()
    }
}

/// A wanted server that was up and has died since, in words.
pub fn failed(wanted: Wanted) -> Option<String> {
    let factum = factum_dir();
    let servers = [
        (Server::Kafka, wanted.kafka),
        (Server::Postgres, wanted.postgres),
        (Server::Registry, wanted.registry),
    ];
    let started = servers
        .into_iter()
        .filter(|(server, wanted)| *wanted && given(*server).is_none());
    let records = started.map(|(server, _)| Record::named(&factum, server.name()));
    let instances = records.filter_map(|record| record.load().ok().flatten());
    instances
        .filter(Instance::is_dead)
        .map(|instance| instance.obituary())
        .next()
}

/// The address in the environment.
pub(super) fn given(server: Server) -> Option<String> {
    set(server.variable())
}

/// What to say to whoever may have meant a server for tests, and has set another variable.
pub(super) fn passed_over(server: Server) -> Option<String> {
    hint(server, |variable| set(variable).is_some())
}

fn hint(server: Server, is_set: impl Fn(&str) -> bool) -> Option<String> {
    let (lookalike, own) = (server.lookalike(), server.variable());
    let hint = format!(
        "{}: {lookalike} is not used here; a server for tests and demos is named by {own}",
        server.name()
    );
    (is_set(lookalike) && !is_set(own)).then_some(hint)
}

fn set(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|text| !text.is_empty())
}

/// Whether an address of Kafka for tests is given in the environment: it was not started here.
pub fn is_kafka_given() -> bool {
    given(Server::Kafka).is_some()
}

/// Held by whoever starts or stops the shared servers, so that two do not at once.
pub(super) fn lock(factum: &Path) -> Result<File> {
    fs::create_dir_all(factum).with_context(|| format!("cannot make {}", factum.display()))?;
    let path = factum.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_operates_is_not_taken_for_tests_and_that_is_said() {
        for server in [Server::Kafka, Server::Postgres, Server::Registry] {
            let (own, lookalike) = (server.variable(), server.lookalike());
            assert_eq!(own, lookalike.replace("FACTUM_", "FACTUM_TEST_"));
            let told = hint(server, |variable| variable == lookalike).unwrap();
            assert!(told.contains(own) && told.contains(lookalike), "{told}");
            assert_eq!(hint(server, |_| true), None);
            assert_eq!(hint(server, |variable| variable == own), None);
            assert_eq!(hint(server, |_| false), None);
        }
    }

    #[test]
    fn the_environment_file_names_what_runs() {
        let kafka = Some("127.0.0.1:1".to_owned());
        let one = Addresses {
            kafka: kafka.clone(),
            ..Addresses::default()
        };
        assert_eq!(one.lines(), "FACTUM_TEST_KAFKA=127.0.0.1:1\n");
        let both = Addresses {
            kafka,
            postgres: Some("postgres://x@h:2/d".into()),
            registry: None,
        };
        assert!(
            both.lines()
                .ends_with("FACTUM_TEST_POSTGRES=postgres://x@h:2/d\n")
        );
    }
}

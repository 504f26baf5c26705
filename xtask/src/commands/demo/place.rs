//! Where a demo keeps what it makes: a directory, a log and a Postgres database.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use postgres::{Client, NoTls};
use xtask::servers::{Addresses, delete_topics, factum_dir};

use super::source::Source;

/// The topics of examples/loans.
const TOPICS: [&str; 2] = ["bank.loan.events", "bank.work.events"];

/// The place of one source on one log; found again by the next run.
#[derive(Debug)]
pub(crate) struct Place {
    pub dir: PathBuf,
    /// The log's address.
    pub log: String,
    /// The database's address.
    pub postgres: String,
}

impl Place {
    /// Finds the place, or makes it.
    ///
    /// # Errors
    /// When Kafka holds another source's events already, or the database cannot be made.
    pub(crate) fn open(addresses: &Addresses, source: &Source) -> Result<Place> {
        let dir = Place::dir(addresses, source);
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        keep_to_one_source(&dir, source)?;
        let log = match &addresses.kafka {
            Some(brokers) => format!("kafka://{brokers}"),
            None => format!("local:{}", dir.join("log").display()),
        };
        let postgres = database(server(addresses)?, &database_name(&dir)?)?;
        Ok(Place { dir, log, postgres })
    }

    /// Forgets what an earlier demo made at this place: its events, and its database.
    ///
    /// # Errors
    /// When a server does not obey.
    pub(crate) fn forget(addresses: &Addresses, source: &Source) -> Result<()> {
        let dir = Place::dir(addresses, source);
        if let Some(brokers) = &addresses.kafka {
            delete_topics(brokers, &TOPICS).context("cannot delete the demo's topics")?;
        }
        if dir.is_dir() {
            drop_database(server(addresses)?, &database_name(&dir)?)?;
            let removed = fs::remove_dir_all(&dir);
            removed.with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        Ok(())
    }

    fn dir(addresses: &Addresses, source: &Source) -> PathBuf {
        factum_dir().join("demo").join(name(addresses, source))
    }

    /// The path of a file of the demo's.
    pub(crate) fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

fn server(addresses: &Addresses) -> Result<&str> {
    let postgres = addresses.postgres.as_deref();
    postgres.context("the demo needs Postgres")
}

/// An embedded log for every source, one place for every Kafka.
fn name(addresses: &Addresses, source: &Source) -> String {
    let given = std::env::var("FACTUM_KAFKA")
        .ok()
        .filter(|text| !text.is_empty());
    match (&addresses.kafka, given) {
        (None, _) => format!("local-{}", short_hash(&source.name())),
        (Some(_), None) => "kafka".into(),
        (Some(brokers), Some(_)) => format!("kafka-{}", short_hash(brokers)),
    }
}

fn short_hash(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:08x}", hasher.finish() & 0xffff_ffff)
}

/// Two sources share names of cases: their events must never meet in one log.
fn keep_to_one_source(dir: &Path, source: &Source) -> Result<()> {
    let note = dir.join("source");
    let held = fs::read_to_string(&note).unwrap_or_else(|_| source.name());
    ensure!(
        held == source.name(),
        "Kafka holds the events of an earlier demo already (source: {held}; now: {}). Either forget \
         them with --fresh, or leave --kafka out: every source has an embedded log of its own",
        source.name()
    );
    fs::write(&note, held).with_context(|| format!("cannot write {}", note.display()))
}

/// A name that is forgotten together with the log: a new log never meets an old read model.
fn database_name(dir: &Path) -> Result<String> {
    let note = dir.join("database");
    if let Ok(name) = fs::read_to_string(&note) {
        return Ok(name);
    }
    let name = format!(
        "factum_demo_{}",
        &uuid::Uuid::new_v4().simple().to_string()[..8]
    );
    fs::write(&note, &name).with_context(|| format!("cannot write {}", note.display()))?;
    Ok(name)
}

fn database(server: &str, name: &str) -> Result<String> {
    let connected = Client::connect(server, NoTls);
    let mut client = connected.context("cannot connect to Postgres")?;
    let query = "SELECT FROM pg_database WHERE datname = $1";
    if client.query(query, &[&name])?.is_empty() {
        let created = client.batch_execute(&format!("CREATE DATABASE {name}"));
        created.with_context(|| format!("cannot create the database {name} in Postgres"))?;
    }
    Ok(with_database(server, name))
}

fn drop_database(server: &str, name: &str) -> Result<()> {
    let connected = Client::connect(server, NoTls);
    let mut client = connected.context("cannot connect to Postgres")?;
    let dropped = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    dropped.with_context(|| format!("cannot drop the database {name} in Postgres"))
}

/// The address of another database on the same server.
fn with_database(server: &str, name: &str) -> String {
    let Some((scheme, rest)) = server.split_once("://") else {
        return format!("{server} dbname={name}"); // key=value pairs: the last one counts
    };
    let (rest, parameters) = match rest.split_once('?') {
        Some((rest, parameters)) => (rest, format!("?{parameters}")),
        None => (rest, String::new()),
    };
    let host = rest.split('/').next().unwrap_or(rest);
    format!("{scheme}://{host}/{name}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_is_changed_in_every_form_of_address() {
        for (server, expected) in [
            ("postgres://u:p@h:1/db", "postgres://u:p@h:1/demo"),
            ("postgres://u@h", "postgres://u@h/demo"),
            ("postgresql://u@h/db?a=b/c", "postgresql://u@h/demo?a=b/c"),
            ("host=h dbname=db", "host=h dbname=db dbname=demo"),
        ] {
            assert_eq!(with_database(server, "demo"), expected);
            let config: postgres::Config = expected.parse().unwrap_or_default();
            assert!(config.get_dbname() == Some("demo") || expected.contains("?a=b"));
        }
    }

    #[test]
    fn one_place_keeps_to_one_source() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (Source::Generated(Some(1)), Source::Generated(Some(2)));
        keep_to_one_source(dir.path(), &one).unwrap();
        keep_to_one_source(dir.path(), &one).unwrap();
        let error = keep_to_one_source(dir.path(), &other)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("1 made-up cases") && error.contains("--fresh"),
            "{error}"
        );
    }

    #[test]
    fn a_place_keeps_its_database() {
        let dir = tempfile::tempdir().unwrap();
        let name = database_name(dir.path()).unwrap();
        assert_eq!(database_name(dir.path()).unwrap(), name);
    }
}

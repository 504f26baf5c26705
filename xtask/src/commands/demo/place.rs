//! Where a demo keeps what it makes: a directory, a log and a Postgres database.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use xtask::servers::{Addresses, delete_topics, factum_dir, has_topic, is_kafka_given};

use super::database::{database, drop_database};
use super::note::{database_name, keep_to_one_source};
use super::source::Source;

/// The topics of examples/loans.
const TOPICS: [&str; 2] = ["bank.loan.events", "bank.work.events"];

const GONE_WITHIN: Duration = Duration::from_secs(10);

/// How the names of places begin whose Kafka was not started here.
const OUTSIDE: &str = "kafka-";

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
        keep_to_one_source(&dir, source, || topic_in(addresses))?;
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
            wait_until_gone(addresses)?;
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

/// Forgets all places, but not what is noted of a Kafka at an address: its events are still there.
///
/// # Errors
/// When something cannot be removed.
pub(crate) fn wipe() -> Result<()> {
    wipe_in(&factum_dir().join("demo"))
}

fn wipe_in(demo: &Path) -> Result<()> {
    let entries = match fs::read_dir(demo) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("cannot read {}", demo.display()))?,
    };
    for entry in entries.flatten() {
        if !is_outside(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            fs::remove_dir_all(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// A topic of the demo's that the log has already; an embedded log belongs to its place.
fn topic_in(addresses: &Addresses) -> Result<Option<&'static str>> {
    let Some(brokers) = &addresses.kafka else {
        return Ok(None);
    };
    for topic in TOPICS {
        if has_topic(brokers, topic)? {
            return Ok(Some(topic));
        }
    }
    Ok(None)
}

/// Kafka lists a deleted topic for a moment longer.
fn wait_until_gone(addresses: &Addresses) -> Result<()> {
    let deadline = Instant::now() + GONE_WITHIN;
    while let Some(topic) = topic_in(addresses)? {
        ensure!(
            Instant::now() < deadline,
            "Kafka has deleted the topic {topic}, but still lists it; try again"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn server(addresses: &Addresses) -> Result<&str> {
    let postgres = addresses.postgres.as_deref();
    postgres.context("the demo needs Postgres")
}

/// An embedded log for every source, one place for every Kafka.
fn name(addresses: &Addresses, source: &Source) -> String {
    match &addresses.kafka {
        None => format!("local-{}", short_hash(&source.name())),
        Some(brokers) if is_kafka_given() => format!("{OUTSIDE}{}", short_hash(brokers)),
        Some(_) => "kafka".into(),
    }
}

fn is_outside(name: &str) -> bool {
    name.starts_with(OUTSIDE)
}

fn short_hash(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:08x}", hasher.finish() & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wipe_forgets_all_but_what_is_noted_of_an_outside_kafka() {
        let dir = tempfile::tempdir().unwrap();
        let demo = dir.path().join("demo");
        wipe_in(&demo).unwrap(); // nothing there is fine
        for name in ["local-0011aabb", "kafka", "kafka-0011aabb"] {
            fs::create_dir_all(demo.join(name)).unwrap();
            fs::write(demo.join(name).join("source"), "made-up cases").unwrap();
        }
        wipe_in(&demo).unwrap();
        let left = fs::read_dir(&demo).unwrap().flatten();
        let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["kafka-0011aabb"]);
        assert!(demo.join("kafka-0011aabb/source").is_file());
    }
}

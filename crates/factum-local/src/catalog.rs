//! Which topics there are, how many partitions each of them has, and whether it forgets.

use std::path::Path;
use std::sync::{Arc, Mutex};

use factum_core::{LogError, LogErrorKind, NewTopic};
use heed::byteorder::LittleEndian;
use heed::types::{Bytes, Str, U32};
use heed::{CommitOrAbort, CommitToken, Database, DatabaseOpener, OnCommit, WithoutTls};

use crate::folder::{self, FORMAT};
use crate::partition::{Partition, RecordTree};
use crate::store::{Env, locked};
use crate::{failure, room};

/// Numbers by name. The one tree besides the partitions': its name has no slash, as theirs have.
type Numbers<'e> = Database<'e, Str, U32<LittleEndian>>;
const CATALOG: &str = "factum";
/// Bytes enough for the pages of a new topic.
const SMALL: usize = 64 << 10;
const FORMAT_KEY: &str = "format";
/// Kafka's own limit, so that every name fits a file's and both logs take the same names.
const LONGEST_NAME: usize = 249;

/// The format's number, each topic's number of partitions, and how many records a fleeting one keeps.
pub(crate) struct Catalog {
    numbers: Numbers<'static>,
    /// Held from before a transaction begins until it has opened its trees. LMDB gives a tree the
    /// next number that the transaction saw as free when it began: of two that begin side by side,
    /// the second would give its trees the numbers of the first one's, and one topic's records
    /// would go into the other's.
    opening: Mutex<()>,
}

/// What is found where a catalog should be.
enum Place<'e> {
    Catalog(Numbers<'e>),
    Nothing,
    Strangers,
}

impl OnCommit for Place<'_> {
    type Committed = Place<'static>;

    fn on_commit(self, token: &CommitToken) -> Place<'static> {
        match self {
            Place::Catalog(numbers) => Place::Catalog(numbers.on_commit(token)),
            Place::Nothing => Place::Nothing,
            Place::Strangers => Place::Strangers,
        }
    }
}

/// Whether a topic keeps its records. It is settled when the topic is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It keeps them for ever.
    Kept,
    /// A partition keeps its newest records, so many at least.
    Fleeting { newest: u32 },
}

impl Life {
    /// Enough that whoever follows a topic of answers is far behind before one is forgotten unread.
    pub(crate) const FLEETING: Self = Self::Fleeting { newest: 65_536 };
}

/// A topic that is there.
pub(crate) struct Found {
    pub(crate) partitions: Vec<Partition>,
    pub(crate) life: Life,
}

/// What [`Trees`] are once their transaction is over.
type Opened = (Vec<RecordTree<'static>>, Life);

/// A topic's partitions, in order, and its life.
struct Trees<'e>(Vec<RecordTree<'e>>, Life);

impl OnCommit for Trees<'_> {
    type Committed = Opened;

    fn on_commit(self, token: &CommitToken) -> Self::Committed {
        let trees = self.0.into_iter();
        (trees.map(|tree| tree.on_commit(token)).collect(), self.1)
    }
}

impl Catalog {
    fn new(numbers: Numbers<'static>) -> Self {
        let opening = Mutex::default();
        Self { numbers, opening }
    }

    /// Opens the catalog of a log, or makes the one of a new log.
    pub(crate) fn open(env: &Env, dir: &Path) -> Result<Self, LogError> {
        let failed = |error| failure::lmdb(dir, error);
        let catalog = match find(env).map_err(failed)? {
            Place::Catalog(numbers) => Self::new(numbers),
            Place::Nothing => {
                create(env).map_err(|error| room::not_committed(dir, SMALL, error))?
            }
            Place::Strangers => {
                return Err(folder::not_a_log(dir, "its data file holds other data"));
            }
        };
        match catalog.number(env, FORMAT_KEY).map_err(failed)? {
            Some(FORMAT) => Ok(catalog),
            Some(format) => Err(folder::other_format(dir, &format.to_string())),
            None => Err(folder::not_a_log(dir, "its data file names no format")),
        }
    }

    /// Opens a topic that is there; `None` if it isn't.
    pub(crate) fn find_topic(
        &self,
        env: &Env,
        dir: &Arc<Path>,
        name: &str,
    ) -> Result<Option<Found>, LogError> {
        check_name(name)?;
        let trees = self.open_trees(env, name);
        let trees = trees.map_err(|error| failure::lmdb(dir, error))?;
        Ok(trees.map(|trees| found(dir, name, trees)))
    }

    /// Creates a topic, unless another process was faster, and opens it.
    pub(crate) fn create_topic(
        &self,
        env: &Env,
        dir: &Arc<Path>,
        name: &str,
        create: NewTopic,
        life: Life,
    ) -> Result<Found, LogError> {
        check_name(name)?;
        if create.partitions == 0 {
            let message = format!("topic {name} can't have 0 partitions: ask for at least 1");
            return Err(LogError::new(LogErrorKind::Unsuitable, message));
        }
        let trees = self.create_trees(env, name, create.partitions, life);
        let trees = trees.map_err(|error| room::not_committed(dir, SMALL, error))?;
        Ok(found(dir, name, trees))
    }

    fn open_trees(&self, env: &Env, name: &str) -> heed::Result<Option<Opened>> {
        let _opening = locked(&self.opening);
        let txn = env.read_txn()?;
        let trees = env.open_databases_and_commit(txn, |open, txn| {
            let Some(count) = self.numbers.get(txn, &key(name))? else {
                return Ok(CommitOrAbort::Abort(()));
            };
            let tree = |number| open.open_database(txn, Some(&tree_name(name, number)));
            let trees: Option<Vec<_>> = (0..count).map(tree).collect::<heed::Result<_>>()?;
            let trees = trees.ok_or(heed::Error::Mdb(heed::MdbError::Corrupted))?;
            let life = self.life(txn, name)?;
            Ok::<_, heed::Error>(CommitOrAbort::Commit(Trees(trees, life)))
        })?;
        Ok(trees.commit())
    }

    fn create_trees(
        &self,
        env: &Env,
        name: &str,
        partitions: u32,
        life: Life,
    ) -> heed::Result<Opened> {
        let _opening = locked(&self.opening);
        let txn = env.write_txn()?;
        let trees = env.create_databases_and_commit(txn, |open, txn| {
            let there = self.numbers.get(txn, &key(name))?;
            let count = there.unwrap_or(partitions);
            self.numbers.put(txn, &key(name), &count)?;
            if let (None, Life::Fleeting { newest }) = (there, life) {
                self.numbers.put(txn, &fleeting_key(name), &newest)?;
            }
            let tree = |number| open.create_database(txn, Some(&tree_name(name, number)));
            let trees: Vec<_> = (0..count).map(tree).collect::<heed::Result<_>>()?;
            let life = self.life(txn, name)?;
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(Trees(trees, life)))
        })?;
        Ok(trees.unwrap_commit())
    }

    fn life(&self, txn: &heed::RoTxn<'_, WithoutTls>, name: &str) -> heed::Result<Life> {
        let newest = self.numbers.get(txn, &fleeting_key(name))?;
        Ok(newest.map_or(Life::Kept, |newest| Life::Fleeting { newest }))
    }

    fn number(&self, env: &Env, key: &str) -> heed::Result<Option<u32>> {
        let txn = env.read_txn()?;
        self.numbers.get(&txn, key)
    }
}

fn find(env: &Env) -> heed::Result<Place<'static>> {
    let txn = env.read_txn()?;
    let found = env.open_databases_and_commit(txn, |open, txn| {
        let found = match open.open_database(txn, Some(CATALOG))? {
            Some(numbers) => Place::Catalog(numbers),
            None if is_empty(open, txn)? => Place::Nothing,
            None => Place::Strangers,
        };
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(found))
    })?;
    Ok(found.unwrap_commit())
}

fn is_empty<'e>(
    open: &DatabaseOpener<'e, WithoutTls>,
    txn: &heed::RoTxn<'e, WithoutTls>,
) -> heed::Result<bool> {
    match open.open_database::<Bytes, Bytes>(txn, None)? {
        Some(all) => all.is_empty(txn),
        None => Ok(true),
    }
}

fn create(env: &Env) -> heed::Result<Catalog> {
    let txn = env.write_txn()?;
    let made = env.create_databases_and_commit(txn, |open, txn| {
        let numbers: Numbers<'_> = open.create_database(txn, Some(CATALOG))?;
        numbers.get_or_put(txn, FORMAT_KEY, &FORMAT)?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(numbers))
    })?;
    Ok(Catalog::new(made.unwrap_commit()))
}

fn key(topic: &str) -> String {
    format!("topic/{topic}")
}

/// Where a fleeting topic says how many records it keeps; others have no such key.
fn fleeting_key(topic: &str) -> String {
    format!("fleeting/{topic}")
}

fn tree_name(topic: &str, partition: u32) -> String {
    format!("{topic}/{partition}")
}

fn found(dir: &Arc<Path>, topic: &str, (trees, life): Opened) -> Found {
    let topic: Arc<str> = topic.into();
    let partition = |(number, tree)| Partition::new(dir.clone(), topic.clone(), number, tree, life);
    Found {
        partitions: (0..).zip(trees).map(partition).collect(),
        life,
    }
}

/// Takes the names that Kafka takes.
fn check_name(name: &str) -> Result<(), LogError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fits = (1..=LONGEST_NAME).contains(&name.len()) && name != "." && name != "..";
    if fits && name.bytes().all(fine) {
        return Ok(());
    }
    let message = format!(
        "`{name}` can't be a topic's name: take 1 to {LONGEST_NAME} letters, digits, `.`, `_` and `-`"
    );
    Err(LogError::new(LogErrorKind::Unsuitable, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_named_as_in_kafka() {
        for name in ["bank.loan.events", "a", "A_b-9", &"x".repeat(249)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a b", "ä", "a\0", &"x".repeat(250)] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}

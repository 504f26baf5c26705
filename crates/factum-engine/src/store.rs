//! One partition's checkpoint on the disk: a redb file, changed in one transaction at a time, which
//! is durable as a whole or not at all.
//!
//! | table | key | value |
//! |---|---|---|
//! | `checkpoint` | `""` | format, shape, topic, partition, remembered commands, position, handled |
//! | `states` | aggregate id | version, state |
//! | `commands` | number of the first one | commands, in postcard's format |
//! | `events` | aggregate id, version of the first one | events of one aggregate, see `history/chunk.rs` |
//! | | `""`, 0 | the sequence before which the events of all aggregates are there |
//!
//! The last table is there where the history of aggregates is kept. It counts only where it reaches as far as
//! the checkpoint does: else a build or an engine wrote here that does not keep it.
//!
//! Every value begins with a CRC-32 of itself and its key. Nothing here is worth mending: whatever does
//! not fit is discarded as a whole, and comes back from the log.

use std::path::{Path, PathBuf};

use factum_core::Position;
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};
use uuid::Uuid;

use crate::history::{Groups, Places, Run, Window, chunks, kept};
use crate::mark::Mark;
use crate::snapshot::{NewCommands, Snapshot};
use crate::window::Entry;
use crate::{Receipt, disk, sealed};

const CHECKPOINT: TableDefinition<&str, &[u8]> = TableDefinition::new("checkpoint");
const STATES: TableDefinition<&str, &[u8]> = TableDefinition::new("states");
const COMMANDS: TableDefinition<u64, &[u8]> = TableDefinition::new("commands");
const EVENTS: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("events");
/// Where the table of events says how far it reaches: no event has version 0.
const REACH: (&str, u64) = ("", 0);

/// The format of everything in the file.
const FORMAT: u32 = 3;

/// The table of events, to be read.
type Events = redb::ReadOnlyTable<(&'static str, u64), &'static [u8]>;

/// What a checkpoint must be of, to be used.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub topic: String,
    pub partition: u32,
    pub shape: u64,
    /// How many commands are to be remembered at least.
    pub window: u64,
    /// Whether the events of each aggregate are to be there.
    pub history: bool,
}

/// An open checkpoint. Its calls wait for the disk.
pub(crate) struct Store {
    database: Database,
    origin: Origin,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Another process has it.
    #[error("another process uses it")]
    Locked,
    /// It is of another partition, of other code, or damaged.
    #[error("it does not fit: {0}")]
    Unfit(&'static str),
    /// The file failed.
    #[error("its file failed")]
    File(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen => Self::Locked,
            error => Self::File(error.into()),
        }
    }
}

/// The file of a partition's checkpoint.
pub(crate) fn file(dir: &Path, topic: &str, partition: u32) -> PathBuf {
    dir.join(topic).join(format!("{partition}.redb"))
}

impl Store {
    /// Opens a partition's checkpoint, and says where the log goes on from it: `None` if there was
    /// none, or one that does not fit and was discarded.
    ///
    /// # Errors
    /// It is in use, or the disk failed: then there is nothing to be done with it.
    pub fn open(
        dir: &Path,
        origin: Origin,
        cache: usize,
    ) -> Result<(Self, Option<Position>), StoreError> {
        let file = file(dir, &origin.topic, origin.partition);
        match Self::open_file(&file, &origin, cache).and_then(|store| {
            let position = store.position()?;
            Ok((store, position))
        }) {
            Err(error @ (StoreError::Unfit(_) | StoreError::File(_))) => {
                let cause = factum_core::chain(&error);
                let shown = file.display();
                tracing::warn!(file = %shown, cause, "a checkpoint is discarded, the partition replayed");
                let store = Self::create_anew(&file, &origin, cache)?;
                Ok((store, None))
            }
            opened => opened,
        }
    }

    /// Throws away what the file holds.
    pub fn discard(self, dir: &Path, cache: usize) -> Result<Self, StoreError> {
        let file = file(dir, &self.origin.topic, self.origin.partition);
        let Self { database, origin } = self;
        drop(database);
        Self::create_anew(&file, &origin, cache)
    }

    fn create_anew(file: &Path, origin: &Origin, cache: usize) -> Result<Self, StoreError> {
        disk::remove(file)?;
        Self::open_file(file, origin, cache)
    }

    fn open_file(file: &Path, origin: &Origin, cache: usize) -> Result<Self, StoreError> {
        let mut builder = Database::builder();
        let database =
            disk::open(builder.set_cache_size(cache), file)?.map_err(|error| match error {
                DatabaseError::UpgradeRequired(_) => StoreError::Unfit("its file format is older"),
                error => error.into(),
            })?;
        let origin = origin.clone();
        Ok(Self { database, origin })
    }

    /// Where the log goes on from it, if it holds anything.
    fn position(&self) -> Result<Option<Position>, StoreError> {
        let position = self.place()?.map(|(position, _)| position);
        if let Some(position) = position.filter(|_| self.origin.history)
            && self.reach()? != Some(position.next)
        {
            return Err(StoreError::Unfit(
                "it does not have the events, which are to be kept",
            ));
        }
        Ok(position)
    }

    /// The sequence before which the events of all aggregates are there, if they are kept.
    fn reach(&self) -> Result<Option<u64>, StoreError> {
        let Some(events) = self.table_of_events()? else {
            return Ok(None);
        };
        let Some(stored) = events.get(REACH)? else {
            return Ok(None);
        };
        let reach = opened(&sealed_as(REACH), stored.value())?.try_into();
        Ok(reach.ok().map(u64::from_le_bytes))
    }

    fn table_of_events(&self) -> Result<Option<Events>, StoreError> {
        match self.database.begin_read()?.open_table(EVENTS) {
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            table => Ok(Some(table?)),
        }
    }

    /// The events of an aggregate: those of a window, or less where they are large.
    pub fn events(&self, id: &str, window: Window) -> Result<Run, StoreError> {
        let mut run = Run::default();
        let Some(events) = self.table_of_events()? else {
            return Ok(run);
        };
        // The last chunk that begins at or before the first event may hold it.
        let first = events.range((id, 1)..=(id, window.from))?.next_back();
        let first = first
            .transpose()?
            .map_or(window.from, |(key, _)| key.value().1);
        for entry in events.range((id, first)..=(id, u64::MAX))? {
            let (key, stored) = entry?;
            let chunk = opened(&sealed_as(key.value()), stored.value())?;
            for kept in kept(key.value().1, chunk) {
                let kept = kept.ok_or(StoreError::Unfit("an event is damaged"))?;
                if kept.version < window.from {
                    continue;
                }
                if run.is_full(window.limit) {
                    run.more = true;
                    return Ok(run);
                }
                run.push(kept);
            }
        }
        Ok(run)
    }

    /// Where the log goes on from it, and the topic of commands.
    fn place(&self) -> Result<Option<(Position, Mark)>, StoreError> {
        let reading = self.database.begin_read()?;
        let checkpoint = match reading.open_table(CHECKPOINT) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
            checkpoint => checkpoint?,
        };
        let Some(stored) = checkpoint.get("")? else {
            return Err(StoreError::Unfit("it has no position"));
        };
        let stored = opened("", stored.value())?;
        let (found, position, handled): (Found<'_>, At, Mark) = postcard::from_bytes(stored)
            .map_err(|_| StoreError::Unfit("it is of another format"))?;
        found.check(&self.origin)?;
        Ok(Some((position.into(), handled)))
    }

    /// Hands on every aggregate: its id, version and state.
    pub fn read_all(
        &self,
        mut take: impl FnMut(&str, u64, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let states = self.database.begin_read()?.open_table(STATES)?;
        for entry in states.iter()? {
            let (id, stored) = entry?;
            let (version, state) = versioned(id.value(), stored.value())?;
            take(id.value(), version, state)?;
        }
        Ok(())
    }

    /// Hands on those of some aggregates that it has.
    pub fn read<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i str>,
        mut take: impl FnMut(&str, u64, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let reading = self.database.begin_read()?;
        let states = match reading.open_table(STATES) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(()),
            states => states?,
        };
        for id in ids {
            if let Some(stored) = states.get(id)? {
                let (version, state) = versioned(id, stored.value())?;
                take(id, version, state)?;
            }
        }
        Ok(())
    }

    /// The newest commands.
    pub fn commands(&self) -> Result<StoredCommands, StoreError> {
        let stored = self.database.begin_read()?.open_table(COMMANDS)?;
        let (mut first, mut entries) = (None, Vec::new());
        for entry in stored.iter()? {
            let (number, chunk) = entry?;
            let number = number.value();
            if *first.get_or_insert(number) + entries.len() as u64 != number {
                return Err(StoreError::Unfit("commands are missing"));
            }
            let chunk = opened(&number.to_string(), chunk.value())?;
            let chunk: Vec<StoredCommand> = postcard::from_bytes(chunk)
                .map_err(|_| StoreError::Unfit("its commands are damaged"))?;
            let entry = |command: StoredCommand| command.entry(self.origin.partition);
            entries.extend(chunk.into_iter().map(entry));
        }
        Ok(StoredCommands {
            first: first.unwrap_or(0),
            entries,
            handled: self
                .place()?
                .map(|(_, handled)| handled)
                .unwrap_or_default(),
        })
    }

    /// Stores a snapshot behind what is there, all of it or nothing.
    pub fn write(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut writing = self.database.begin_write()?;
        // Opening again after a crash costs no walk through the file.
        writing.set_quick_repair(true);
        write_states(&mut writing.open_table(STATES)?, snapshot)?;
        write_commands(&mut writing.open_table(COMMANDS)?, &snapshot.commands)?;
        match &snapshot.events {
            Some(events) => {
                let (table, next) = (&mut writing.open_table(EVENTS)?, snapshot.position.next);
                write_events(table, events, &snapshot.places, next)?;
            }
            None => drop(writing.delete_table(EVENTS)?),
        }
        let (position, handled) = (At::from(snapshot.position), snapshot.commands.handled);
        let what = (Found::of(&self.origin), position, handled);
        let what = postcard::to_allocvec(&what).map_err(|error| StoreError::File(error.into()))?;
        let stored = sealed::seal("", &what);
        writing.open_table(CHECKPOINT)?.insert("", &*stored)?;
        writing.commit()?;
        Ok(())
    }
}

fn write_states(
    table: &mut redb::Table<'_, &'static str, &'static [u8]>,
    snapshot: &Snapshot,
) -> Result<(), StoreError> {
    let mut states: Vec<_> = snapshot.states.iter().collect();
    states.sort_unstable_by_key(|(id, _)| *id); // neighbours lie in the same page
    for (id, state) in states {
        table.insert(id, &*sealed::seal(id, state))?;
    }
    Ok(())
}

fn write_events(
    table: &mut redb::Table<'_, (&'static str, u64), &'static [u8]>,
    events: &Groups,
    places: &Places,
    next: u64,
) -> Result<(), StoreError> {
    let mut groups: Vec<_> = events.iter().collect();
    groups.sort_unstable_by_key(|(id, _)| *id);
    for (id, group) in groups {
        let mut failed = None;
        let written = chunks(group, places, |first, chunk| {
            let key = (id.as_str(), first);
            let inserted = table.insert(key, &*sealed::seal(&sealed_as(key), chunk));
            failed = inserted.err();
            failed.is_none().then_some(())
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        written.ok_or(StoreError::Unfit("it is not known where an event stands"))?;
    }
    table.insert(
        REACH,
        &*sealed::seal(&sealed_as(REACH), &next.to_le_bytes()),
    )?;
    Ok(())
}

/// What an entry of events is sealed with.
fn sealed_as((id, version): (&str, u64)) -> String {
    format!("{id} {version}")
}

fn write_commands(
    table: &mut redb::Table<'_, u64, &'static [u8]>,
    new: &NewCommands,
) -> Result<(), StoreError> {
    if !new.entries.is_empty() {
        let chunk: Vec<_> = new.entries.iter().map(StoredCommand::of).collect();
        let chunk =
            postcard::to_allocvec(&chunk).map_err(|error| StoreError::File(error.into()))?;
        table.insert(new.first, &*sealed::seal(&new.first.to_string(), &chunk))?;
    }
    // The last chunk that begins at or before the oldest command may hold it.
    let begins: Vec<u64> = table
        .range(..=new.oldest)?
        .map(|it| it.map(|(key, _)| key.value()))
        .collect::<Result<_, _>>()?;
    for number in begins.iter().rev().skip(1) {
        table.remove(number)?;
    }
    Ok(())
}

fn opened<'b>(key: &str, stored: &'b [u8]) -> Result<&'b [u8], StoreError> {
    sealed::open(key, stored).ok_or(StoreError::Unfit("it is damaged"))
}

fn versioned<'b>(id: &str, stored: &'b [u8]) -> Result<(u64, &'b [u8]), StoreError> {
    let (version, state) = opened(id, stored)?
        .split_first_chunk()
        .ok_or(StoreError::Unfit("it is damaged"))?;
    Ok((u64::from_le_bytes(*version), state))
}

/// The commands that a checkpoint remembers.
pub(crate) struct StoredCommands {
    /// The number of the first one.
    pub first: u64,
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// How far the topic of commands was handled.
    pub handled: Mark,
}

/// A command, as it is stored: its aggregate's hash, id, sequence, version, events, and what was told.
#[derive(serde::Serialize, serde::Deserialize)]
struct StoredCommand(u64, [u8; 16], u64, u64, u32, Option<Box<str>>);

impl StoredCommand {
    fn of(entry: &Entry) -> Self {
        let Receipt {
            command,
            sequence,
            version,
            events,
            ..
        } = entry.receipt;
        Self(
            entry.aggregate,
            command.into_bytes(),
            sequence,
            version,
            events,
            entry.told.clone(),
        )
    }

    fn entry(self, partition: u32) -> Entry {
        let Self(aggregate, command, sequence, version, events, told) = self;
        Entry {
            aggregate,
            receipt: Receipt {
                command: Uuid::from_bytes(command),
                partition,
                sequence,
                version,
                events,
            },
            told,
        }
    }
}

/// What a checkpoint says that it is of.
#[derive(serde::Serialize, serde::Deserialize)]
struct Found<'a> {
    format: u32,
    shape: u64,
    topic: &'a str,
    partition: u32,
    window: u64,
}

impl<'a> Found<'a> {
    fn of(origin: &'a Origin) -> Self {
        Self {
            format: FORMAT,
            shape: origin.shape,
            topic: &origin.topic,
            partition: origin.partition,
            window: origin.window,
        }
    }

    fn check(&self, origin: &Origin) -> Result<(), StoreError> {
        let findings = [
            (self.format == FORMAT, "it is of another format"),
            (self.shape == origin.shape, "the state's code has changed"),
            (
                (self.topic, self.partition) == (&origin.topic, origin.partition),
                "it is of another partition",
            ),
            (
                self.window >= origin.window,
                "more commands are to be remembered than it holds",
            ),
        ];
        match findings.into_iter().find(|(fits, _)| !fits) {
            Some((_, finding)) => Err(StoreError::Unfit(finding)),
            None => Ok(()),
        }
    }
}

/// A position, as it is stored.
#[derive(serde::Serialize, serde::Deserialize)]
struct At {
    identity: Option<[u8; 16]>,
    offset: u64,
    epoch: u64,
    next: u64,
    closed: bool,
}

impl From<Position> for At {
    fn from(at: Position) -> Self {
        Self {
            identity: at.identity.map(Uuid::into_bytes),
            offset: at.offset,
            epoch: at.epoch,
            next: at.next,
            closed: at.closed,
        }
    }
}

impl From<At> for Position {
    fn from(at: At) -> Self {
        Self {
            identity: at.identity.map(Uuid::from_bytes),
            offset: at.offset,
            epoch: at.epoch,
            next: at.next,
            closed: at.closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::snapshot::States;

    fn snapshot(next: u64) -> Snapshot {
        Snapshot {
            position: Position {
                next,
                ..Position::START
            },
            states: Arc::<States>::default(),
            commands: NewCommands::default(),
            events: Some(Arc::default()),
            places: Places::default(),
        }
    }

    #[test]
    fn events_that_reach_less_far_than_the_states_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let origin = Origin {
            topic: "t".into(),
            partition: 0,
            shape: 1,
            window: 1,
            history: true,
        };
        let open = || Store::open(dir.path(), origin.clone(), 1 << 20).unwrap();
        let (store, stored) = open();
        assert_eq!(stored, None);
        store.write(&snapshot(5)).unwrap();
        drop(store);
        let (store, stored) = open();
        assert_eq!(stored.map(|position| position.next), Some(5));
        // A build that knows nothing of events goes on.
        let (position, what) = (At::from(snapshot(7).position), Found::of(&origin));
        let what = postcard::to_allocvec(&(what, position, Mark::default())).unwrap();
        let writing = store.database.begin_write().unwrap();
        let mut table = writing.open_table(CHECKPOINT).unwrap();
        table.insert("", &*sealed::seal("", &what)).unwrap();
        drop(table);
        writing.commit().unwrap();
        drop(store);
        assert_eq!(open().1, None);
    }
}

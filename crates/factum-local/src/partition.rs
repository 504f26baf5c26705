//! One partition: a tree from offset to record.

use std::path::Path;
use std::sync::Arc;

use factum_core::{Fetched, LogError, LogErrorKind, Offset, RecordRef, Records};
use heed::byteorder::BigEndian;
use heed::types::{Bytes, U64};
use heed::{Database, PutFlags, RoTxn, RwTxn};

use crate::catalog::Life;
use crate::{failure, record};

/// How many bytes of records one fetch may hold before it stops.
const FETCH_BYTES: usize = 1 << 20;

/// How many records more than it has to a fleeting partition keeps, so that it forgets many at once.
const FORGET_AT_ONCE: u64 = 1_024;

/// Stored records by offset. Big endian keys sort as numbers do.
pub(crate) type RecordTree<'e> = Database<'e, U64<BigEndian>, Bytes>;

/// A partition that was opened in this process.
#[derive(Clone)]
pub(crate) struct Partition {
    dir: Arc<Path>,
    topic: Arc<str>,
    number: u32,
    tree: RecordTree<'static>,
    life: Life,
}

impl Partition {
    pub(crate) fn new(
        dir: Arc<Path>,
        topic: Arc<str>,
        number: u32,
        tree: RecordTree<'static>,
        life: Life,
    ) -> Self {
        Self {
            dir,
            topic,
            number,
            tree,
            life,
        }
    }

    /// The offset of the oldest record that is still there. A partition that keeps its records has
    /// never had another than 0.
    pub(crate) fn start(&self, txn: &RoTxn<'_>) -> Result<Offset, LogError> {
        match self.life {
            Life::Kept => Ok(0),
            Life::Fleeting { .. } => {
                let first = self.tree.first(txn).map_err(|error| self.failed(error))?;
                Ok(first.map_or(0, |(offset, _)| offset))
            }
        }
    }

    /// The offset after the last record.
    pub(crate) fn end(&self, txn: &RoTxn<'_>) -> Result<Offset, LogError> {
        let last = self.tree.last(txn).map_err(|error| self.failed(error))?;
        Ok(last.map_or(0, |(offset, _)| offset + 1))
    }

    /// Adds records at the end, and returns the offset of the first; forgets what need not be kept.
    /// `stored` is scratch space.
    pub(crate) fn append(
        &self,
        txn: &mut RwTxn<'_>,
        records: &Records,
        stored: &mut Vec<u8>,
    ) -> Result<Offset, LogError> {
        let first = self.end(txn)?;
        for (offset, record) in (first..).zip(records.iter()) {
            record::encode(offset, record, stored);
            self.tree
                .put_with_flags(txn, PutFlags::APPEND, &offset, stored)
                .map_err(|error| self.failed(error))?;
        }
        self.forget(txn, first + records.len() as Offset)?;
        Ok(first)
    }

    /// Deletes what a fleeting partition that ends at `end` need not keep, once it is worth it.
    fn forget(&self, txn: &mut RwTxn<'_>, end: Offset) -> Result<(), LogError> {
        let Life::Fleeting { newest } = self.life else {
            return Ok(());
        };
        let kept = end.saturating_sub(newest.into());
        if kept >= self.start(txn)? + FORGET_AT_ONCE {
            let deleted = self.tree.delete_range(txn, &(..kept));
            deleted.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// The records from `from` on, until a bound of bytes is passed, or up to one that is damaged.
    pub(crate) fn fetch(&self, txn: &RoTxn<'_>, from: Offset) -> Result<Fetched, LogError> {
        let (start, end) = (self.start(txn)?, self.end(txn)?);
        if !(start..=end).contains(&from) {
            return Err(self.out_of_range(from, start, end));
        }
        let mut fetched = Fetched::new(self.number, from);
        let stored = self.tree.range(txn, &(from..));
        for entry in stored.map_err(|error| self.failed(error))? {
            if fetched.records.byte_len() >= FETCH_BYTES {
                break;
            }
            match self.check(entry, fetched.next) {
                Ok(record) => fetched.push(fetched.next, record),
                Err(error) if fetched.records.is_empty() => return Err(error),
                Err(_) => break,
            }
        }
        fetched.at_end = fetched.next == end;
        Ok(fetched)
    }

    /// The record in an entry that should be the one at `offset`.
    fn check<'a>(
        &self,
        entry: heed::Result<(Offset, &'a [u8])>,
        offset: Offset,
    ) -> Result<RecordRef<'a>, LogError> {
        let (found, stored) = entry.map_err(|error| self.failed(error))?;
        if found != offset {
            return Err(self.missing(offset));
        }
        record::decode(offset, stored).ok_or_else(|| self.corrupt(offset))
    }

    fn failed(&self, error: heed::Error) -> LogError {
        failure::lmdb(&self.dir, error)
    }

    fn out_of_range(&self, from: Offset, start: Offset, end: Offset) -> LogError {
        let message = format!("{self} has no offset {from}: it holds {start} to {end}");
        LogError::new(LogErrorKind::Damaged, message)
    }

    fn missing(&self, offset: Offset) -> LogError {
        let message = format!("{self} lacks offset {offset}: restore the folder from a backup");
        LogError::new(LogErrorKind::Damaged, message)
    }

    fn corrupt(&self, offset: Offset) -> LogError {
        let message = format!(
            "{self} holds damaged bytes at offset {offset}: restore the folder from a backup"
        );
        LogError::new(LogErrorKind::Corrupt, message)
    }
}

impl std::fmt::Display for Partition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (topic, number, log) = (&self.topic, self.number, self.dir.display());
        write!(f, "topic {topic} partition {number} of the log in {log}")
    }
}

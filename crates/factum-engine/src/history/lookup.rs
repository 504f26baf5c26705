//! How an owner is asked for the events of an aggregate.

use std::sync::{Arc, RwLock, RwLockWriteGuard};

use factum_host::on_disk;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};

use super::{Kept, Run, Tail, Window};
use crate::store::{Store, StoreError};

/// A question for events of one aggregate, on its way to the owner of its partition.
pub(crate) struct Lookup {
    pub id: String,
    pub window: Window,
    pub answer: oneshot::Sender<Result<Run, NotHere>>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum NotHere {
    /// Events are not kept.
    NotKept,
    /// They cannot be read.
    Failed(StoreError),
}

/// The ways to the owners of an engine's partitions.
pub(crate) struct Lookups {
    owners: RwLock<Vec<Option<mpsc::Sender<Lookup>>>>,
    turns: Semaphore,
}

/// How many questions of an engine are answered at the same time: each waits for the disk, and takes up to a
/// page of memory.
const AT_ONCE: usize = 16;

impl Lookups {
    pub fn new(partitions: usize) -> Self {
        Self {
            owners: RwLock::new(vec![None; partitions]),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    /// Opens the way to a new owner.
    pub fn open(&self, partition: u32) -> mpsc::Receiver<Lookup> {
        let (owner, lookups) = mpsc::channel(AT_ONCE);
        self.write()[partition as usize] = Some(owner);
        lookups
    }

    /// Closes the way to an owner that ends.
    pub fn close(&self, partition: u32) {
        self.write()[partition as usize] = None;
    }

    /// The way to the owner of a partition, if it is here.
    pub fn owner(&self, partition: u32) -> Option<mpsc::Sender<Lookup>> {
        let owners = self.owners.read();
        owners.expect("no one panics with the lock")[partition as usize].clone()
    }

    /// Waits until there are few questions under way.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.turns.acquire().await.ok()
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Option<mpsc::Sender<Lookup>>>> {
        self.owners.write().expect("no one panics with the lock")
    }
}

/// Answers from the checkpoint, and from what came since: whoever asked waits for the disk, the owner
/// does not. `next` is the sequence before which all is fact.
pub(crate) fn look_up(lookup: Lookup, store: Option<Arc<Store>>, tail: Option<&Tail>, next: u64) {
    let Lookup { id, window, answer } = lookup;
    let Some((store, tail)) = store.zip(tail) else {
        let _ = answer.send(Err(NotHere::NotKept));
        return;
    };
    // First what is not stored: what is stored meanwhile is told twice then, and nothing left out.
    let recent = tail.facts(&id, window, next);
    on_disk(move || {
        let stored = store.events(&id, window).map_err(NotHere::Failed);
        drop(store); // whoever waits for the answer may be slow
        let _ = answer.send(stored.map(|stored| followed_by(stored, recent, window.limit)));
    });
}

/// What is stored, and what of the rest it does not have.
fn followed_by(mut stored: Run, recent: Vec<Kept>, limit: usize) -> Run {
    if stored.more {
        return stored;
    }
    let last = stored.events.last().map_or(0, |kept| kept.version);
    let since = recent.into_iter().filter(|kept| kept.version > last);
    stored.events.extend(since);
    stored.more = stored.events.len() >= limit;
    stored.events.truncate(limit);
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(versions: std::ops::RangeInclusive<u64>, more: bool) -> Run {
        let kept = |version| Kept {
            offset: version,
            version,
            header: Vec::new(),
            value: Vec::new(),
        };
        let events = versions.map(kept).collect();
        Run { events, more }
    }

    #[test]
    fn what_was_stored_meanwhile_is_told_once() {
        let recent = || run(3..=6, false).events;
        assert_eq!(
            followed_by(run(1..=2, false), recent(), 9),
            run(1..=6, false)
        );
        assert_eq!(
            followed_by(run(1..=4, false), recent(), 9),
            run(1..=6, false)
        );
        assert_eq!(
            followed_by(run(1..=4, false), recent(), 5),
            run(1..=5, true)
        );
        assert_eq!(
            followed_by(run(1..=1, true), recent(), 9),
            run(1..=1, true),
            "no gap"
        );
    }
}

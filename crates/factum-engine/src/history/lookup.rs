//! How an owner is asked for the events of an aggregate.

use std::sync::Arc;

use factum_host::on_disk;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

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

/// How many questions of an engine are answered at the same time: each waits for the disk, and takes up to a
/// page of memory.
pub(crate) const AT_ONCE: usize = 16;

/// Whose turn it is to ask.
pub(crate) struct Asking(Semaphore);

impl Default for Asking {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

impl Asking {
    /// Waits until there are few questions under way.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.0.acquire().await.ok()
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

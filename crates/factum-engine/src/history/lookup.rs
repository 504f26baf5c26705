//! How an owner is asked for the events of an aggregate.

use std::sync::Arc;

use factum_host::on_disk;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::{Run, Tail, Window};
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
fn followed_by(mut stored: Run, recent: Run, limit: usize) -> Run {
    if stored.more {
        return stored;
    }
    let last = stored.events.last().map_or(0, |kept| kept.version);
    stored.more = recent.more;
    for kept in recent.events {
        if kept.version <= last {
            continue;
        }
        if stored.is_full(limit) {
            stored.more = true;
            break;
        }
        stored.push(kept);
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Kept;

    /// Events of this size.
    fn sized(versions: std::ops::RangeInclusive<u64>, more: bool, bytes: usize) -> Run {
        let kept = |version| Kept {
            offset: version,
            version,
            header: Vec::new(),
            value: vec![0; bytes],
        };
        let mut run = Run {
            more,
            ..Run::default()
        };
        versions.map(kept).for_each(|kept| run.push(kept));
        run
    }

    fn run(versions: std::ops::RangeInclusive<u64>, more: bool) -> Run {
        sized(versions, more, 0)
    }

    #[test]
    fn what_was_stored_meanwhile_is_told_once() {
        let recent = |more| run(3..=6, more);
        assert_eq!(
            followed_by(run(1..=2, false), recent(false), 9),
            run(1..=6, false)
        );
        assert_eq!(
            followed_by(run(1..=4, false), recent(true), 9),
            run(1..=6, true),
            "what is recent went on"
        );
        assert_eq!(
            followed_by(run(1..=4, false), recent(false), 5),
            run(1..=5, true)
        );
        assert_eq!(
            followed_by(run(1..=1, true), recent(false), 9),
            run(1..=1, true),
            "no gap"
        );
    }

    #[test]
    fn a_page_ends_behind_so_many_bytes_wherever_they_come_from() {
        let mib = |versions, more| sized(versions, more, 1 << 20);
        assert_eq!(
            followed_by(mib(1..=2, false), mib(3..=6, false), 100),
            mib(1..=4, true)
        );
        assert_eq!(
            followed_by(mib(1..=4, false), mib(3..=4, false), 100),
            mib(1..=4, false)
        );
    }
}

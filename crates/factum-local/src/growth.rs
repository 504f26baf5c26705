//! News that the log has grown, by this process or another one.
//!
//! LMDB numbers its write transactions, and a read transaction has the number of the last one that it
//! sees. The writer of this process tells it; a thread looks for those of other processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::sync::watch;

use crate::store::Env;

/// How soon the growth by another process is looked for after the last one, and when all is quiet.
const SOONEST: Duration = Duration::from_micros(500);
const LATEST: Duration = Duration::from_millis(5);

/// The number of the log's last transaction.
#[derive(Clone)]
pub(crate) struct Latest(Arc<watch::Sender<usize>>);

impl Latest {
    /// Tells waiting readers about what can be read now, if it is news; returns whether it was.
    pub(crate) fn look(&self, env: &Env) -> bool {
        let Some(now) = last_readable(env) else {
            return false;
        };
        self.0.send_if_modified(|latest| {
            let news = now > *latest;
            *latest = now.max(*latest);
            news
        })
    }
}

/// The last transaction that a reader sees. The map's own number of the last one is ahead of it while
/// another process waits for the disk: a reader that was woken then would find nothing, and wait on.
fn last_readable(env: &Env) -> Option<usize> {
    let txn = env.read_txn().ok()?;
    Some(txn.id())
}

/// Watches the log for as long as it is open and anyone reads it.
pub(crate) struct Growth {
    latest: Latest,
    watcher: Thread,
    closed: Arc<AtomicBool>,
}

impl Growth {
    pub(crate) fn watch(env: Env) -> std::io::Result<Self> {
        let latest = Latest(Arc::new(watch::Sender::new(0)));
        latest.look(&env);
        let closed = Arc::new(AtomicBool::new(false));
        let watcher = thread::Builder::new().name("factum-local-watch".to_owned());
        let (told, over) = (latest.clone(), closed.clone());
        let watcher = watcher.spawn(move || watch_others(&env, &told, &over))?;
        let watcher = watcher.thread().clone();
        Ok(Self {
            latest,
            watcher,
            closed,
        })
    }

    pub(crate) fn latest(&self) -> &Latest {
        &self.latest
    }

    /// News from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<usize> {
        let news = self.latest.0.subscribe();
        self.watcher.unpark();
        news
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        self.watcher.unpark();
    }
}

fn watch_others(env: &Env, latest: &Latest, closed: &AtomicBool) {
    let mut pause = SOONEST;
    while !closed.load(Ordering::Acquire) {
        if latest.0.receiver_count() == 0 {
            thread::park();
            continue;
        }
        let news = latest.look(env);
        pause = if news { SOONEST } else { LATEST.min(2 * pause) };
        thread::park_timeout(pause);
    }
}

//! An open log, shared by all its handles in this process.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use factum_core::{LogError, LogErrorKind};
use heed::{EnvOpenOptions, MdbError, RoTxn, WithoutTls};

use crate::catalog::Catalog;
use crate::growth::Growth;
use crate::writer::Writer;
use crate::{LocalOptions, failure, folder};

pub(crate) type Env = heed::Env<WithoutTls>;

/// How long a log that was just dropped may take to write what is queued and to close.
const CLOSING: Duration = Duration::from_secs(30);

/// LMDB must not open a folder twice in one process: its file locks would not hold.
static OPEN: LazyLock<Mutex<HashMap<PathBuf, Weak<Store>>>> = LazyLock::new(Mutex::default);

/// An open log: what reads, what writes, and what tells that it has grown.
pub(crate) struct Store {
    pub(crate) dir: Arc<Path>,
    pub(crate) env: Env,
    pub(crate) catalog: Catalog,
    pub(crate) growth: Growth,
    pub(crate) writer: Writer,
}

impl Store {
    /// Opens a log, or joins those in this process who have it open. Blocks.
    pub(crate) fn open(dir: &Path, options: &LocalOptions) -> Result<Arc<Self>, LogError> {
        let dir = folder::locate(dir)?;
        let mut open = locked(&OPEN);
        if let Some(store) = open.get(&dir).and_then(Weak::upgrade) {
            return Ok(store);
        }
        wait_until_closed(&dir)?;
        let store = Arc::new(Self::open_here(&dir, options)?);
        open.retain(|_, store| store.strong_count() > 0);
        open.insert(dir, Arc::downgrade(&store));
        Ok(store)
    }

    fn open_here(dir: &Path, options: &LocalOptions) -> Result<Self, LogError> {
        folder::check(dir)?;
        let env = open_env(dir, options).map_err(|error| failure::lmdb(dir, error))?;
        let catalog = Catalog::open(&env, dir)?;
        folder::mark(dir)?;
        let dir: Arc<Path> = dir.into();
        let growth = Growth::watch(env.clone()).map_err(|error| failure::disk(&dir, error))?;
        let writer = Writer::start(env.clone(), dir.clone(), growth.latest().clone())?;
        Ok(Self {
            dir,
            env,
            catalog,
            growth,
            writer,
        })
    }

    /// Begins to read. To be ended soon: what is being read can't be reused.
    pub(crate) fn read(&self) -> Result<RoTxn<'_, WithoutTls>, LogError> {
        let full = |error: &heed::Error| matches!(error, heed::Error::Mdb(MdbError::ReadersFull));
        let txn = match self.env.read_txn() {
            Err(error) if full(&error) => {
                let freed = self.env.clear_stale_readers();
                freed.and_then(|_| self.env.read_txn())
            }
            txn => txn,
        };
        txn.map_err(|error| failure::lmdb(&self.dir, error))
    }
}

fn open_env(dir: &Path, options: &LocalOptions) -> heed::Result<Env> {
    let mut env = EnvOpenOptions::new().read_txn_without_tls();
    env.map_size(options.whole_map_size())
        .max_dbs(options.max_partitions.saturating_add(1))
        .max_readers(folder::MAX_READERS);
    // SAFETY: the map is of files that only LMDB writes, under its own locks; the folder says so,
    // and the registry keeps this process from opening it twice.
    let env = unsafe { env.open(dir)? };
    env.clear_stale_readers()?;
    Ok(env)
}

fn wait_until_closed(dir: &Path) -> Result<(), LogError> {
    match heed::env_closing_event(dir) {
        Some(closing) if !closing.wait_timeout(CLOSING) => Err(LogError::new(
            LogErrorKind::Unreachable,
            format!(
                "the log in {} is still being closed: try again",
                dir.display()
            ),
        )),
        _ => Ok(()),
    }
}

/// Locks a mutex whose holders leave it whole even when they panic.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

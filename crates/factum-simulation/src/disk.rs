//! A node's disk: files of which only what was synced is sure to survive the node's death.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use factum_host::simulation::File;

use crate::chance::Chance;

/// What is torn at a death is torn between blocks of so many bytes.
const BLOCK: usize = 512;

/// A disk. A clone is the same one.
#[derive(Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<PathBuf, Content>,
    /// Which process of the node may use it.
    life: u64,
}

#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    /// What every block held that was written since the last sync; nothing where there was none.
    before: BTreeMap<usize, Vec<u8>>,
    /// How long it was at the last sync.
    len: usize,
    open: bool,
}

impl Disk {
    /// Lets the next process use it. What the one before had not synced is there, or is not, block by
    /// block.
    pub fn next_life(&self, chance: &mut Chance) -> u64 {
        let mut state = self.state();
        state.life += 1;
        for content in state.files.values_mut() {
            content.die(chance);
        }
        state.life
    }

    /// Opens a file for a process.
    pub(crate) fn open(&self, life: u64, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.living(life)?;
        let content = state.files.entry(path.to_owned()).or_default();
        if std::mem::replace(&mut content.open, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(OpenFile {
            disk: self.clone(),
            life,
            path: path.to_owned(),
        }))
    }

    pub(crate) fn remove(&self, life: u64, path: &Path) -> io::Result<()> {
        self.living(life)?.files.remove(path);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk, if it still belongs to the process.
    fn living(&self, life: u64) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        match state.life == life {
            true => Ok(state),
            false => Err(io::Error::other("the process is dead")),
        }
    }
}

impl Content {
    fn die(&mut self, chance: &mut Chance) {
        self.open = false;
        let all = chance.below(4);
        for (block, before) in std::mem::take(&mut self.before) {
            let survives = match all {
                0 => true,
                1 => false,
                _ => chance.strikes(500),
            };
            let (from, to) = (block * BLOCK, self.bytes.len().min((block + 1) * BLOCK));
            if !survives && from < to {
                let mut before = before;
                before.resize(to - from, 0);
                self.bytes[from..to].copy_from_slice(&before);
            }
        }
        if all == 1 {
            self.bytes.truncate(self.len);
        }
        self.len = self.bytes.len();
    }

    /// Keeps what the blocks of a range hold, before they change.
    fn keep(&mut self, from: usize, to: usize) {
        for block in from / BLOCK..to.div_ceil(BLOCK) {
            let bytes = &self.bytes;
            self.before.entry(block).or_insert_with(|| {
                let from = (block * BLOCK).min(bytes.len());
                bytes[from..bytes.len().min(from + BLOCK)].to_vec()
            });
        }
    }

    fn sync(&mut self) {
        self.before.clear();
        self.len = self.bytes.len();
    }
}

struct OpenFile {
    disk: Disk,
    life: u64,
    path: PathBuf,
}

impl OpenFile {
    fn with<T>(&self, call: impl FnOnce(&mut Content) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.living(self.life)?;
        let content = state.files.get_mut(&self.path);
        call(content.ok_or(io::ErrorKind::NotFound)?)
    }
}

impl File for OpenFile {
    fn len(&self) -> io::Result<u64> {
        self.with(|content| Ok(content.bytes.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|content| {
            let (from, to) = (content.bytes.len(), len as usize);
            if to < from {
                content.keep(to, from);
            }
            content.bytes.resize(to, 0);
            Ok(())
        })
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.with(|content| {
            let from = offset as usize;
            let bytes = content.bytes.get(from..from + out.len());
            out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.with(|content| {
            let (from, to) = (offset as usize, offset as usize + data.len());
            if to > content.bytes.len() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            content.keep(from, to);
            content.bytes[from..to].copy_from_slice(data);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|content| {
            content.sync();
            Ok(())
        })
    }
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if let Ok(mut state) = self.disk.living(self.life)
            && let Some(content) = state.files.get_mut(&self.path)
        {
            content.open = false;
        }
    }
}

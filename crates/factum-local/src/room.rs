//! The data file's length, and the room that is left for it.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use factum_core::LogError;

use crate::failure;
use crate::folder::DATA;
use crate::store::Env;

/// Makes the data file as long as its header says.
///
/// LMDB leaves out pages at the very end that were taken and given back in one transaction. That
/// is rare and harmless, but a file that is too short is how a log that was cut off is recognised.
pub(crate) fn pad(env: &Env, data: &File) -> heed::Result<()> {
    if length(env) <= data.metadata()?.len() {
        return Ok(());
    }
    // Nobody else makes the file longer while a write transaction is open.
    let txn = env.write_txn()?;
    if data.metadata()?.len() < length(env) {
        data.set_len(length(env))?;
    }
    txn.abort();
    Ok(())
}

fn length(env: &Env) -> u64 {
    let page = u64::from(env.unnamed_database_stat().page_size);
    (env.info().last_page_number as u64 + 1) * page
}

/// The error for a transaction of about `bytes` that was not committed.
///
/// LMDB reports a write that stopped half-way as an I/O error, whatever the reason. Whether room was
/// the matter shows when a file of its own is made to grow as much.
pub(crate) fn not_committed(dir: &Path, bytes: usize, error: heed::Error) -> LogError {
    match error {
        heed::Error::Io(error) => failure::disk(dir, lack(dir, bytes).unwrap_or(error)),
        error => failure::lmdb(dir, error),
    }
}

/// Finds out whether the data file could grow by `bytes`: the error if not.
fn lack(dir: &Path, bytes: usize) -> Option<io::Error> {
    let probe = dir.join(format!("factum-log.room.{}", uuid::Uuid::new_v4()));
    let lack = write_beyond(dir, &probe, bytes).err();
    let _ = fs::remove_file(probe);
    lack
}

fn write_beyond(dir: &Path, probe: &Path, bytes: usize) -> io::Result<()> {
    let end = fs::metadata(dir.join(DATA))?.len();
    let mut file = File::create_new(probe)?;
    file.seek(SeekFrom::Start(end))?;
    // Twice the bytes, and some pages: what surrounds the records takes room too.
    let zeros = [0; 64 << 10];
    for _ in 0..=2 * bytes / zeros.len() {
        file.write_all(&zeros)?;
    }
    file.sync_all()
}

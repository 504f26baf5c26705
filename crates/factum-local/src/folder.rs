//! The folder that a log lives in.
//!
//! | file | what |
//! |---|---|
//! | `factum-log` | says that this is a log, and its format; written last, when all else is in place |
//! | `data.mdb` | the records, topics and format |
//! | `lock.mdb` | LMDB's table of readers and its writers' lock |
//! | `groups/` | the locks of groups' members and partitions |

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use factum_core::{LogError, LogErrorKind};

use crate::{failure, header};

/// The format of everything in the folder.
pub(crate) const FORMAT: u32 = 1;
pub(crate) const GROUPS: &str = "groups";
pub(crate) const DATA: &str = "data.mdb";
const MARKER: &str = "factum-log";
const MARKER_TEXT: &str = "Factum's embedded log, format ";
const BACKUP: &str = "restore the folder from a backup";
const UNFINISHED: &str = "its creation was never finished, so delete the folder and try again";
const LOCK: &str = "lock.mdb";
const LOCK_BYTES: usize = 64 << 10;
/// How many reads at once, over all processes, have a place in a lock file of `LOCK_BYTES`.
pub(crate) const MAX_READERS: u32 = 960;

/// Makes sure that there is a folder, and returns its one true path.
pub(crate) fn locate(dir: &Path) -> Result<PathBuf, LogError> {
    fs::create_dir_all(dir)
        .and_then(|()| dir.canonicalize())
        .map_err(|error| failure::disk(dir, error))
}

/// Makes sure that LMDB may open what is in the folder: an undamaged log, or the beginnings of one.
pub(crate) fn check(dir: &Path) -> Result<(), LogError> {
    let data = data_length(dir).map_err(|error| failure::disk(dir, error))?;
    let marked = check_marker(dir)?;
    if marked && data == 0 {
        return Err(damaged(dir, "its data file is gone or empty", BACKUP));
    }
    if !marked {
        check_strangers(dir)?;
    }
    if data > 0 {
        check_data(dir, if marked { BACKUP } else { UNFINISHED })?;
    }
    make_lock_file(dir).map_err(|error| failure::disk(dir, error))
}

/// Marks the folder as a log once it is one, and makes all of its files' names durable.
pub(crate) fn mark(dir: &Path) -> Result<(), LogError> {
    write_marker(dir).map_err(|error| failure::disk(dir, error))
}

/// The error for a folder with something else in it.
pub(crate) fn not_a_log(dir: &Path, what: &str) -> LogError {
    let message = format!(
        "{} is not one of Factum's logs: {what}; give a folder that is empty or not there yet",
        dir.display()
    );
    LogError::new(LogErrorKind::Unsuitable, message)
}

/// The error for a log of a format that this version does not know.
pub(crate) fn other_format(dir: &Path, found: &str) -> LogError {
    let message = format!(
        "the log in {} is of format {found}, and this version of Factum knows format {FORMAT}: use the \
         version that wrote it, or copy its events into a new log",
        dir.display()
    );
    LogError::new(LogErrorKind::Unsuitable, message)
}

fn damaged(dir: &Path, how: &str, remedy: &str) -> LogError {
    let message = format!("the log in {} is damaged: {how}; {remedy}", dir.display());
    LogError::new(LogErrorKind::Corrupt, message)
}

fn data_length(dir: &Path) -> io::Result<u64> {
    match fs::metadata(dir.join(DATA)) {
        Ok(data) => Ok(data.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Whether the folder is marked as a log, of the format that is known here.
fn check_marker(dir: &Path) -> Result<bool, LogError> {
    let marker = match fs::read(dir.join(MARKER)) {
        Ok(marker) => String::from_utf8_lossy(&marker).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failure::disk(dir, error)),
    };
    match marker.trim_end().strip_prefix(MARKER_TEXT) {
        Some(format) if format == FORMAT.to_string() => Ok(true),
        Some(format) => Err(other_format(dir, format)),
        None => {
            let how = format!("its file {MARKER} is not what was written");
            Err(damaged(dir, &how, BACKUP))
        }
    }
}

/// Without a marker, there may only be what an interrupted creation leaves behind.
fn check_strangers(dir: &Path) -> Result<(), LogError> {
    let ours = |name: &OsStr| {
        let name = name.to_string_lossy();
        [DATA, LOCK, GROUPS].contains(&&*name) || name.starts_with(MARKER) || name.starts_with(LOCK)
    };
    for entry in fs::read_dir(dir).map_err(|error| failure::disk(dir, error))? {
        let name = entry
            .map_err(|error| failure::disk(dir, error))?
            .file_name();
        if !ours(&name) {
            return Err(not_a_log(dir, &format!("it holds {}", name.display())));
        }
    }
    Ok(())
}

/// Another process may be about to write a header: only what stays wrong is wrong.
fn check_data(dir: &Path, remedy: &str) -> Result<(), LogError> {
    let look = || File::open(dir.join(DATA)).and_then(|mut data| header::damage(&mut data));
    let mut found = None;
    for patience in [0, 1, 10, 50, 100] {
        std::thread::sleep(Duration::from_millis(patience));
        found = look().map_err(|error| failure::disk(dir, error))?;
        if found.is_none() {
            return Ok(());
        }
    }
    let how = format!("{DATA}: {}", found.unwrap_or_default());
    Err(damaged(dir, &how, remedy))
}

/// Gives LMDB a lock file whose blocks are there. It would make one with holes, and write into
/// them through a map: on a full disk, the process would be killed.
fn make_lock_file(dir: &Path) -> io::Result<()> {
    let place = dir.join(LOCK);
    if place.exists() {
        return Ok(());
    }
    let new = dir.join(format!("{LOCK}.{}", uuid::Uuid::new_v4()));
    let made =
        write_durably(&new, &[0; LOCK_BYTES]).and_then(|()| match fs::hard_link(&new, &place) {
            // Another process was first, or the file system knows no links and LMDB makes its own.
            Err(error)
                if !matches!(
                    error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::Unsupported | ErrorKind::PermissionDenied
                ) =>
            {
                Err(error)
            }
            _ => Ok(()),
        });
    let removed = fs::remove_file(&new);
    made.and(removed)
}

fn write_marker(dir: &Path) -> io::Result<()> {
    let marker = dir.join(MARKER);
    if marker.exists() {
        return Ok(());
    }
    let new = dir.join(format!("{MARKER}.{}", uuid::Uuid::new_v4()));
    let text = format!("{MARKER_TEXT}{FORMAT}\n");
    let written = write_durably(&new, text.as_bytes()).and_then(|()| fs::rename(&new, marker));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written?;
    for folder in [Some(dir), dir.parent()].into_iter().flatten() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

//! What LMDB and the disk answer, as errors of the log.

use std::error::Error;
use std::io;
use std::path::Path;

use factum_core::{LogError, LogErrorKind};
use heed::MdbError;

/// Turns an error of LMDB into one that names the log's folder and what to do.
pub(crate) fn lmdb(dir: &Path, error: heed::Error) -> LogError {
    let log = dir.display();
    let (kind, message) = match error {
        heed::Error::Io(error) => return disk(dir, error),
        heed::Error::Mdb(MdbError::MapFull) => (
            LogErrorKind::Full,
            format!(
                "the log in {log} has reached its map size, and nothing of this was kept: stop the processes \
                 that use it and open it with a larger one (LocalOptions::map_size)"
            ),
        ),
        heed::Error::Mdb(MdbError::MapResized) => (
            LogErrorKind::Unsuitable,
            format!(
                "the log in {log} outgrew this process's map: open it with the map size that the other \
                 processes use (LocalOptions::map_size)"
            ),
        ),
        heed::Error::Mdb(MdbError::DbsFull) => (
            LogErrorKind::Unsuitable,
            format!(
                "this process can't open more partitions of the log in {log}: raise \
                 LocalOptions::max_partitions"
            ),
        ),
        heed::Error::Mdb(MdbError::ReadersFull) => (
            LogErrorKind::Unreachable,
            format!(
                "too many readers at once of the log in {log}: try again, or run fewer processes"
            ),
        ),
        heed::Error::Mdb(MdbError::Panic) => (
            LogErrorKind::Closed,
            format!(
                "an earlier write to the log in {log} failed half-way: restart this process, which finds \
                 everything that was acknowledged"
            ),
        ),
        heed::Error::Mdb(
            MdbError::Corrupted
            | MdbError::PageNotFound
            | MdbError::Invalid
            | MdbError::VersionMismatch
            | MdbError::CursorFull
            | MdbError::PageFull
            | MdbError::Incompatible
            | MdbError::KeyExist
            | MdbError::BadValSize
            | MdbError::Problem,
        )
        | heed::Error::Decoding(_) => (
            LogErrorKind::Corrupt,
            format!("the log in {log} is damaged: restore the folder from a backup"),
        ),
        _ => (LogErrorKind::Other, format!("the log in {log} failed")),
    };
    LogError::new(kind, message).with_source(error)
}

/// Turns an error of the file system into one that names the log's folder and what to do.
pub(crate) fn disk(dir: &Path, error: io::Error) -> LogError {
    let log = dir.display();
    let (kind, message) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            LogErrorKind::Full,
            format!(
                "no room is left on the disk for the log in {log}, and nothing of this was kept: make room, \
                 and try again"
            ),
        ),
        io::ErrorKind::FileTooLarge => (
            LogErrorKind::Full,
            format!(
                "the log in {log} has reached the largest file that this process may write, and nothing of \
                 this was kept: raise that limit (ulimit -f, or the file system's), and try again"
            ),
        ),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
            LogErrorKind::Denied,
            format!(
                "this process may not use the log in {log}: give it the right to read and write there"
            ),
        ),
        io::ErrorKind::OutOfMemory => (
            LogErrorKind::Unsuitable,
            format!(
                "the log in {log} can't be mapped: allow more address space (ulimit -v), or open it with a \
                 smaller map size (LocalOptions::map_size)"
            ),
        ),
        io::ErrorKind::Unsupported => (
            LogErrorKind::Unsuitable,
            format!(
                "the file system of the log in {log} has no file locks or shared maps: put it on a local disk"
            ),
        ),
        _ => (
            LogErrorKind::Other,
            format!("the log in {log} can't be read or written"),
        ),
    };
    LogError::new(kind, message).with_source(error)
}

/// The log's own thread or runtime is gone.
pub(crate) fn closed(dir: &Path) -> LogError {
    let message = format!("the log in {} was closed: open it again", dir.display());
    LogError::new(LogErrorKind::Closed, message)
}

/// The same error once more, for the next caller that it concerns.
pub(crate) fn again(error: &LogError) -> LogError {
    let copy = LogError::new(error.kind(), error.to_string());
    match error.source() {
        Some(source) => copy.with_source(source.to_string()),
        None => copy,
    }
}

//! The entries that were not recorded, one by one.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::{ImportError, Progress};
use crate::case::Entry;

/// Reports rejected entries: on standard error, and into a file where one was named.
pub(super) struct Rejected {
    file: Option<(PathBuf, Mutex<BufWriter<File>>)>,
    progress: Progress,
}

#[derive(Serialize)]
struct Line<'a> {
    case: &'a str,
    entry: i64,
    activity: &'a str,
    transition: &'a str,
    time: String,
    line: Option<u64>,
    reason: String,
}

impl Rejected {
    /// Starts an empty file, so that what lies there afterwards is of this import.
    pub(super) fn create(path: Option<&Path>, progress: &Progress) -> Result<Self, ImportError> {
        let create = |path: &Path| match File::create(path) {
            Ok(file) => Ok((path.to_owned(), Mutex::new(BufWriter::new(file)))),
            Err(error) => Err(failed(path, error)),
        };
        Ok(Self {
            file: path.map(create).transpose()?,
            progress: progress.clone(),
        })
    }

    pub(super) fn report(
        &self,
        case: &str,
        number: i64,
        entry: &Entry,
        reason: &dyn Display,
    ) -> Result<(), ImportError> {
        let activity = &entry.activity;
        let line = entry.line.map(|line| format!(" (line {line})"));
        self.progress.rejected(&format!(
            "rejected: case {case} entry {number}{}: {activity}: {reason}",
            line.unwrap_or_default()
        ));
        self.write(&Line {
            case,
            entry: number,
            activity,
            transition: entry.transition.as_str(),
            time: entry.time.to_string(),
            line: entry.line,
            reason: reason.to_string(),
        })
    }

    fn write(&self, line: &Line<'_>) -> Result<(), ImportError> {
        self.in_file(|file| {
            serde_json::to_writer(&mut *file, line)?;
            file.write_all(b"\n")
        })
    }

    pub(super) fn flush(&self) -> Result<(), ImportError> {
        self.in_file(BufWriter::flush)
    }

    fn in_file(
        &self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<(), ImportError> {
        let Some((path, file)) = &self.file else {
            return Ok(());
        };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut file).map_err(|error| failed(path, error))
    }
}

fn failed(path: &Path, source: io::Error) -> ImportError {
    ImportError::Rejected {
        path: path.to_owned(),
        source,
    }
}

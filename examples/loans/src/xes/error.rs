//! What can be wrong with a file, and where.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

type Source = Box<dyn Error + Send + Sync>;

/// What is wrong with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum XesErrorKind {
    /// It cannot be opened or read.
    Unreadable,
    /// It ends too early.
    Truncated,
    /// It is not well-formed XML, not UTF-8, not one log of traces of events, or its compression is
    /// damaged.
    Malformed,
    /// It is XML, but not an event log.
    NotXes,
    /// A trace or an event has no `concept:name`.
    MissingName,
    /// An event's `time:timestamp` is missing or cannot be read.
    BadTime,
    /// A trace's `AMOUNT_REQ` is missing or not a whole amount.
    BadAmount,
    /// Two traces have the same name.
    RepeatedCase,
    /// A single tag or trace is larger than any sound log's.
    TooLarge,
}

/// An error in a file: which file, which line, what, and what to do.
///
/// It prints its own message only; [`Error::source`] carries the cause.
#[derive(Debug)]
pub struct XesError {
    kind: XesErrorKind,
    path: PathBuf,
    line: Option<u64>,
    message: String,
    source: Option<Source>,
}

impl XesError {
    pub(super) fn new(kind: XesErrorKind, path: &Path, message: impl Into<String>) -> Self {
        Self {
            kind,
            path: path.to_owned(),
            line: None,
            message: message.into(),
            source: None,
        }
    }

    pub(super) fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    pub(super) fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What is wrong.
    pub fn kind(&self) -> XesErrorKind {
        self.kind
    }

    /// The line, counted from 1 in the unpacked text. `None` when the file could not be opened.
    pub fn line(&self) -> Option<u64> {
        self.line
    }
}

impl fmt::Display for XesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl Error for XesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

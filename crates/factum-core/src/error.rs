//! Errors of the log and of values, with answers to "try again?" and "whose fault?".

use std::error::Error;
use std::fmt;

type Source = Box<dyn Error + Send + Sync>;

/// What went wrong with the log, and so what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogErrorKind {
    /// No answer from the log, or none in time. Retrying may help.
    Unreachable,
    /// The log said no: wrong credentials, or a missing right.
    Denied,
    /// There is no such topic or partition.
    NotFound,
    /// The topic or the request is not one that Factum can work with: a topic that would forget, a
    /// changed partition count, a record that is too large.
    Unsuitable,
    /// No room is left where the log stores its records.
    Full,
    /// A record cannot be read: not Factum's format, or damaged bytes.
    Corrupt,
    /// The log lacks events that it once held, or is another log under the same name.
    Damaged,
    /// The handle was closed, or its background task ended.
    Closed,
    /// Anything else.
    Other,
}

/// An error of the log: what, where, and what to do.
///
/// It prints its own message only; [`Error::source`] carries the cause.
pub struct LogError {
    kind: LogErrorKind,
    message: String,
    source: Option<Source>,
}

impl LogError {
    /// An error of the given kind. The message says what, where, and what to do.
    pub fn new(kind: LogErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> LogErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later without anyone mending anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, LogErrorKind::Unreachable)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogError")
            .field("kind", &self.kind)
            .field("message", &self.message)
            .field("source", &self.source)
            .finish()
    }
}

impl Error for LogError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

/// Why a value could not be read as an event.
#[derive(Debug)]
pub struct DecodeError(Source);

impl DecodeError {
    /// Wraps the codec's own error.
    pub fn new(source: impl Into<Source>) -> Self {
        Self(source.into())
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for DecodeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

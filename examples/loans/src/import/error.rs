//! Why an import ended early.

use std::io;
use std::path::PathBuf;

use factum::EngineError;
use tokio::task::JoinError;

use crate::xes::XesError;

/// Why an import ended early. What was carried out before stays, and the next import goes on there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file cannot be read further.
    #[error("the log file cannot be read further; what came before it is imported")]
    Source(#[from] XesError),
    /// The engine could not start, or ended.
    #[error("the service cannot go on")]
    Engine(#[from] EngineError),
    /// An entry could not be carried out, however often it was tried.
    #[error(
        "case {case} entry {entry}: not carried out within {seconds} s: {reason}. Is another service at work on this log? Stop it, and import again"
    )]
    Stuck {
        /// The case.
        case: String,
        /// The entry's number, from 1.
        entry: i64,
        /// How long it was tried.
        seconds: u64,
        /// Why it failed the last time.
        reason: String,
    },
    /// The file of rejected entries cannot be written.
    #[error("{path}: cannot write the rejected entries: is there room, and the right to?")]
    Rejected {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Told to stop.
    #[error("stopped; import again to finish")]
    Stopped,
    /// A task panicked.
    #[error("a task of the import panicked")]
    Panicked(#[source] JoinError),
}

impl ImportError {
    pub(super) fn panicked(error: JoinError) -> Self {
        Self::Panicked(error)
    }
}

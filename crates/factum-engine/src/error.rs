//! What a caller can act on.

use factum_core::LogError;
use uuid::Uuid;

/// Why a command has no receipt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError<R> {
    /// The domain said no. Nothing was appended.
    #[error("the command was rejected: {0:?}")]
    Rejected(R),
    /// The aggregate is not at the version that the caller expected. Nothing was appended.
    #[error("expected version {expected}, the aggregate is at version {actual}")]
    Conflict {
        /// The version that the caller expected.
        expected: u64,
        /// The version that the aggregate has.
        actual: u64,
    },
    /// An event of the command is larger than the topic takes. Nothing was appended.
    #[error(
        "an event of {bytes} bytes was decided, the topic takes {limit} bytes: make events smaller, or raise the topic's limit"
    )]
    TooLarge {
        /// The record's size, in bytes.
        bytes: usize,
        /// The largest record that the topic takes, in bytes.
        limit: usize,
    },
    /// An event of the command cannot be read back from its own encoding. Nothing was appended.
    #[error(
        "an event was decided that could not be read back: a value in it is out of its type's range"
    )]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The aggregate's `decide` panicked. Nothing was appended; the engine goes on.
    #[error("the aggregate's code panicked: {0}")]
    Panicked(String),
    /// The command could not be read by the owner's build: it was put to the dead letters. Nothing
    /// was appended.
    #[error("the command was not understood by the aggregate's owner: {0}")]
    NotUnderstood(String),
    /// The [middleware](crate::Middleware) of the aggregate's owner refused the command. Nothing was
    /// appended.
    #[error("the command was denied: {0}")]
    Denied(String),
    /// The command could not be sent to the aggregate's owner. Nothing happened.
    #[error("the command could not be sent; nothing happened")]
    Unsent(#[source] std::sync::Arc<LogError>),
    /// Another writer took the partition over before the commit was a fact. Nothing happened.
    #[error("another writer took over the partition; nothing happened")]
    Fenced,
    /// This engine does not own the aggregate's partition. Nothing happened.
    #[error("partition {partition} is not owned by this engine at the moment; nothing happened")]
    Unavailable {
        /// The aggregate's partition.
        partition: u32,
    },
    /// Too many commands wait already, or did until the time-out. Nothing happened.
    #[error("too many commands are waiting; nothing happened")]
    Overloaded,
    /// The time-out passed, or the engine ended, before the command's fate was known. Asking again
    /// with the same command id finds out, and does not repeat it.
    #[error(
        "it is not known whether the command took effect: ask again with the same command id, {command}"
    )]
    Unknown {
        /// The command's id.
        command: Uuid,
    },
    /// The log refuses the command: the topic of commands may not be written, or is gone. A copy of it may
    /// have gone through before, and take effect. Once the cause is mended, asking again with the same
    /// command id finds out, and does not repeat it.
    #[error(
        "the log refuses command {command}, which may have taken effect all the same: mend the cause, and ask again with the same command id"
    )]
    Refused {
        /// The command's id.
        command: Uuid,
        /// Why.
        #[source]
        cause: std::sync::Arc<LogError>,
    },
    /// The command was decided, and this program's build cannot read the answer of the owner's: it lacks
    /// a variant of the rejection, perhaps. Asking again gives the same answer.
    #[error("command {command} was decided, and this build cannot read the answer: {reason}")]
    AnswerNotUnderstood {
        /// The command's id.
        command: Uuid,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The command was sent through the log, its answer was lost, and when that was asked for again, more
    /// commands had come than the engine's [window](crate::EngineOptions::command_window) holds. It was
    /// decided once, and nobody remembers how: only the aggregate's events may tell.
    #[error(
        "command {command} was decided, and its answer is forgotten: see by the aggregate's events whether it took effect"
    )]
    Forgotten {
        /// The command's id.
        command: Uuid,
    },
}

impl<R> ExecuteError<R> {
    /// Whether the same command, with the same command id, may succeed later without anyone
    /// mending anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Fenced | Self::Unavailable { .. } | Self::Overloaded | Self::Unknown { .. } => {
                true
            }
            Self::Rejected(_)
            | Self::Conflict { .. }
            | Self::TooLarge { .. }
            | Self::Unreadable(_)
            | Self::NotUnderstood(_)
            | Self::Denied(_)
            | Self::Unsent(_)
            | Self::Panicked(_)
            | Self::Refused { .. }
            | Self::AnswerNotUnderstood { .. }
            | Self::Forgotten { .. } => false,
        }
    }
}

/// Why an engine could not start, or ended.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The log failed in a way that waiting does not mend.
    #[error("the log failed")]
    Log(#[from] std::sync::Arc<LogError>),
    /// A bound of the options is 0, so that nothing could ever be done.
    #[error("the engine option `{0}` must be at least 1")]
    Options(&'static str),
    /// The aggregate's state cannot be kept in checkpoints.
    #[error("the aggregate's state cannot be kept in checkpoints")]
    State(#[source] crate::NotCompact),
    /// Code that the engine called or is made of panicked: an aggregate's `apply`, most likely.
    #[error("the engine's task panicked: {0}")]
    Panicked(String),
}

impl From<LogError> for EngineError {
    fn from(error: LogError) -> Self {
        Self::Log(error.into())
    }
}

//! How a command ends that did not do what it was asked for.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use factum::{LogError, ProjectorError, WaitError};
use factum_core::chain;
use factum_projector::CatchUpError;
use tracing_subscriber::EnvFilter;

use crate::aggregate::{ScanError, SchemasError, Unanswered};
use crate::events::{DecoderError, ReadError};
use crate::interrupt::Interrupted;
use crate::schema::SchemaError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Postgres, or a rule about what may be done.
    #[error(transparent)]
    Projector(#[from] ProjectorError),
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An aggregate that cannot be shown.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A service that does not tell an aggregate's history.
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    /// Schemas that cannot be used.
    #[error(transparent)]
    Schemas(#[from] SchemasError),
    /// Schemas that cannot be used, of a folder or a registry.
    #[error(transparent)]
    Decoder(#[from] Box<DecoderError>),
    /// A topic that cannot be shown.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Schemas that must not be released, or cannot be looked at.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// No schema has what was asked for, and that was to be an error.
    #[error(
        "nothing was read: no schema has all that --type and --where ask for, and with --strict that is an error"
    )]
    UnknownNames,
    /// There is no version that was meant.
    #[error("{name} has no {wanted}: {known}")]
    NoVersion {
        name: String,
        wanted: String,
        known: String,
    },
    /// Several versions could be meant.
    #[error("versions {versions} of {name} have dead letters: say which with --version")]
    Ambiguous { name: String, versions: String },
    /// Letters of several topics could be meant.
    #[error("dead letters of {projection} in the topics {topics} fit: say which with --topic")]
    SeveralTopics { projection: String, topics: String },
    /// There is no such dead letter.
    #[error(
        "{letter} is no dead letter of {name} version {version}: it was replayed or discarded, or never parked. \
         `factum dead-letters list --all` shows what there is"
    )]
    NoLetter {
        name: String,
        version: u32,
        letter: String,
    },
    /// Nothing is parked that was meant.
    #[error(
        "nothing was done: no dead letter of {name} version {version} is one of these. \
         `factum dead-letters list` shows what there is"
    )]
    NothingFits { name: String, version: u32 },
    /// Nobody has tried letters in time.
    #[error(
        "{waiting} letters were not tried within {seconds} seconds, and are still asked for: does a worker run, and is \
         it paused? `factum projection status` tells"
    )]
    NotReplayed { waiting: u64, seconds: u32 },
    /// Letters failed again.
    #[error("{letters} letters stay: {errors}")]
    Stayed { letters: u64, errors: String },
    /// Standard output cannot be written.
    #[error("cannot print")]
    Output(#[from] io::Error),
    /// It was told to stop before its end.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// What was waited for did not come, or cannot.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// A read model does not show all that the log holds.
    #[error(transparent)]
    CatchUp(#[from] CatchUpError),
    /// It has come to the end, and may lack events that are parked.
    #[error(
        "{name} version {version} has come to the end of the log. Events of it were parked, and this role may not see \
         whether some still are: grant it SELECT on {schema}.dead_letters. With --but-parked that does not matter"
    )]
    ParkedUnseen {
        name: String,
        version: u32,
        schema: String,
    },
    /// It has come to the end, and lacks events that are parked.
    #[error(
        "{name} version {version} has come to the end of the log, and does not show {parked} events, which are parked: \
         see `factum dead-letters list`. With --but-parked that is enough"
    )]
    Parked {
        name: String,
        version: u32,
        parked: u64,
    },
}

impl Failure {
    /// Says why on standard error, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if self.is_closed_pipe() {
            return ExitCode::SUCCESS; // as `factum … | head` does
        }
        eprintln!("factum: {}", chain(self as &dyn Error));
        match self {
            Self::Wait(WaitError::TimedOut { .. } | WaitError::Unreachable { .. })
            | Self::CatchUp(CatchUpError::Behind { .. })
            | Self::NotReplayed { .. } => ExitCode::from(3),
            Self::Interrupted(interrupted) => ExitCode::from(interrupted.0.exit_code()),
            // As clap ends where flags are wrong: nothing is known of the schemas.
            Self::Schema(
                SchemaError::NoFolder(_)
                | SchemaError::Registry(_)
                | SchemaError::NoGit(_)
                | SchemaError::Git { .. },
            )
            | Self::Read(ReadError::WhichPartition)
            | Self::UnknownNames => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }

    fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Warnings go to standard error; `RUST_LOG` asks for more.
pub(crate) fn start_logging() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
}

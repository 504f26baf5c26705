//! What can stop a projection.

use std::error::Error as StdError;
use std::time::Duration;

use factum_core::{LogError, LogErrorKind};
use factum_postgres::{AddressError, ConnectError, is_passing};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

use crate::session::Server;
use crate::statement::Refused;
use crate::{DeadLettersError, KeyError, SeekError, SwitchError, TableError};

/// Why a projection stopped. It prints its own message only; `source` carries the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectorError {
    /// The log failed, or holds something that cannot be projected: an event that this build
    /// cannot decode, a damaged record, a changed partition count.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log cannot be opened.
    #[error("cannot open topic {topic} within {patience:?} of the start")]
    LogUnreachable {
        /// The topic.
        topic: String,
        /// How long it was tried.
        patience: Duration,
        /// The last failure.
        source: LogError,
    },
    /// One topic was named for a projection that reads several.
    #[error(
        "the topic {topic} was named for projection {projection}, which reads those of several aggregates: \
         {aggregates}. Take `topic` away: it can name another topic only where there is one"
    )]
    OneTopic {
        /// The topic that was named.
        topic: String,
        /// The projection.
        projection: &'static str,
        /// Whose events it reads.
        aggregates: String,
    },
    /// Postgres failed, and trying again does not help.
    #[error("Postgres: cannot {doing}")]
    Postgres {
        /// What was being done.
        doing: String,
        /// The failure.
        source: tokio_postgres::Error,
    },
    /// No connection to Postgres comes about.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Postgres cannot be reached.
    #[error("cannot reach Postgres at {server} within {patience:?} of the start")]
    PostgresUnreachable {
        /// Where it was looked for: user, host, port and database, without the password.
        server: String,
        /// How long it was tried.
        patience: Duration,
        /// The last failure.
        source: Box<ProjectorError>,
    },
    /// Postgres does not answer.
    #[error("Postgres does not answer within {0:?}")]
    Silent(Duration),
    /// The address of Postgres cannot be read. The address is not repeated: it may hold a password.
    #[error(transparent)]
    PostgresAddress(#[from] AddressError),
    /// The table does not fit the row.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A row has another key than its event.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A value does not fit its column.
    #[error("cannot write {table}.{column}")]
    Value {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Why the driver refused.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A projection that has not begun found rows in its table.
    #[error(
        "table {table} holds rows, but projection {projection} version {version} has not begun: \
         its rows would be counted twice. Empty the table, or give this version a table of its own"
    )]
    NotEmpty {
        /// The table.
        table: &'static str,
        /// The projection.
        projection: &'static str,
        /// Its version.
        version: u32,
    },
    /// The table is another projection's, or that of another version, topic or schema of positions.
    #[error(
        "table {table} belongs to {owner}; this is {asked}: \
         each would write over the other's rows. Give this one a table of its own, or stop the \
         workers of the other and drop the table"
    )]
    Owned {
        /// The table.
        table: &'static str,
        /// Whose it is.
        owner: String,
        /// Who asked for it.
        asked: String,
    },
    /// Postgres changed another number of rows than it was given. Nothing is written.
    #[error(
        "{doing}: {changed} rows instead of {expected}: \
         a trigger, a rule or another program changes the table's rows; nobody but the projection may"
    )]
    Miscounted {
        /// What was being done, to which table.
        doing: String,
        /// How many rows were to change.
        expected: u64,
        /// How many did.
        changed: u64,
    },
    /// The projection reads more topics than a worker has numbers for.
    #[error(
        "projection {projection} reads {topics} topics, and can read {limit}: make several of it"
    )]
    TooManyTopics {
        /// The projection.
        projection: &'static str,
        /// How many topics it reads.
        topics: usize,
        /// How many it can read.
        limit: usize,
    },
    /// The topic has more partitions than a worker has numbers for.
    #[error("{topic} has {partitions} partitions, and a projection can read {limit} of a topic")]
    TooManyPartitions {
        /// The topic.
        topic: String,
        /// How many partitions it has.
        partitions: u32,
        /// How many it can have.
        limit: u32,
    },
    /// The topic has another number of partitions than when the projection began.
    #[error(
        "{topic} has {now} partitions, but projection {projection} began with {then}: \
         a topic's partitions can't be added to or taken away. \
         Copy its events into a new topic instead, and project that under a new version"
    )]
    Partitions {
        /// The topic.
        topic: String,
        /// The projection.
        projection: &'static str,
        /// How many partitions the topic has.
        now: u32,
        /// How many it had.
        then: u32,
    },
    /// The table is a new, empty one, although events were projected into one of its name.
    #[error(
        "table {table} is new and empty, but projection {projection} has projected {events} events \
         into one of that name: it was dropped, or is looked for in another schema. Restore it; or project all events again: {again}"
    )]
    Emptied {
        /// The table.
        table: &'static str,
        /// The projection.
        projection: &'static str,
        /// How many events it has projected.
        events: u64,
        /// How to project them again.
        again: String,
    },
    /// The table was dropped, or another one has its name, while a worker ran.
    #[error(
        "table {table} of projection {projection} version {version} is gone: it was dropped while the worker ran, or another one \
         has its name now, which is left alone. Restore it. A version that is not live can be given up, and begin again: \
         `factum projection rebuild {projection} --version {version} --cancel`, and the same without --cancel"
    )]
    TableGone {
        /// The table.
        table: String,
        /// The projection.
        projection: &'static str,
        /// Its version.
        version: u32,
    },
    /// The position of a partition is gone from Postgres.
    #[error(
        "the position of {topic} partition {partition} is gone from {table}: \
         restore it, or empty the read model and start over"
    )]
    NoPosition {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The table of positions.
        table: String,
    },
    /// The topic is not the one that was projected so far.
    #[error(
        "{topic} partition {partition} is another log than the one that {projection} has read \
         up to offset {offset}: {difference}. \
         Connect to the log that the read model was made from, or empty the read model and start over"
    )]
    AnotherLog {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The projection.
        projection: String,
        /// The offset up to which it was read.
        offset: u64,
        /// What differs.
        difference: Difference,
    },
    /// The code makes other rows than when the version began, or makes them of events that it reads
    /// otherwise: by an upcaster, or as other events.
    #[error(
        "the rows of projection {projection} have changed, or how its events are read, but its version has not: {version} \
         began as {}. Raise `VERSION`, as in `const VERSION: u32 = {};`: a new version is built beside this one, and takes \
         its place when it is ready",
        difference(then, now),
        version + 1
    )]
    ShapeChanged {
        /// The projection.
        projection: &'static str,
        /// Its version.
        version: u32,
        /// The rows when it began.
        then: String,
        /// The rows now.
        now: String,
    },
    /// The code is older than what readers see.
    #[error(
        "projection {projection} version {version} is not known here, and version {live} is live: \
         this program is older than what it is to work for. Run a newer one, or raise its version above {live}"
    )]
    Older {
        /// The projection.
        projection: String,
        /// The version that was to begin.
        version: u32,
        /// The live one.
        live: u32,
    },
    /// The version was given up.
    #[error(
        "projection {projection} version {version} was cancelled: nothing of it is left. \
         Run the version that is live; or let it begin again, by `factum projection rebuild {projection} --version {version}`"
    )]
    Cancelled {
        /// The projection.
        projection: String,
        /// The version.
        version: u32,
    },
    /// The version was dropped while its worker ran.
    #[error("projection {projection} version {version} was dropped: nothing of it is left")]
    Dropped {
        /// The projection.
        projection: String,
        /// The version.
        version: u32,
    },
    /// A version's table is not where it must be to lie beside another one's.
    #[error(
        "table {table} was found in schema {found}, but this version is built beside another one, and its \
         table must be in schema {own}: let its CREATE TABLE name no schema, or create it there"
    )]
    Misplaced {
        /// The table.
        table: &'static str,
        /// Where it was found.
        found: String,
        /// Where it must be.
        own: String,
    },
    /// A table lies behind where the search path leads first.
    #[error(
        "table {table} is in the schema {found}, and the search path leads to {home} first: its workers would not find \
         it any more once it moves aside for another version. Let {found} come first, as with \
         options=-csearch_path%3D{found} in the address"
    )]
    Behind {
        /// The table.
        table: &'static str,
        /// Where it was found.
        found: String,
        /// Where the search path leads first.
        home: String,
    },
    /// The name of a version's schema is too long for Postgres.
    #[error(
        "{0} is too long for the name of a schema, in which this version is to be built: \
         Postgres keeps 63 bytes. Give the projection a shorter name"
    )]
    LongSchema(String),
    /// The schema of a version's own is there, and somebody else's.
    #[error(
        "the schema {0} is there already, and not known as a version's: what is in it would be taken for the \
         version's own, and dropped with it. Rename or drop it, or give the projection another name"
    )]
    ForeignSchema(String),
    /// Readers cannot be switched to a version.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// A position is not moved.
    #[error(transparent)]
    Seek(#[from] SeekError),
    /// Dead letters cannot be seen or changed.
    #[error(transparent)]
    DeadLetters(#[from] DeadLettersError),
    /// An event cannot be applied, and the worker is to stop at such.
    #[error(
        "projection {projection} cannot apply {event} of aggregate `{id}`: {topic} partition {partition}, \
         offset {offset}, sequence {sequence}. Mend what fails; or set it aside with --on-failure park"
    )]
    Event {
        /// The projection.
        projection: &'static str,
        /// The event's name.
        event: &'static str,
        /// Its aggregate.
        id: String,
        /// The topic.
        topic: String,
        /// The partition that holds it.
        partition: u32,
        /// Its offset.
        offset: u64,
        /// Its number in the partition.
        sequence: u64,
        /// Why it fails.
        source: Box<ProjectorError>,
    },
    /// A handler failed.
    #[error(
        "the handler of {projection} failed on {events} events, the first of them \
         in partition {partition} at offset {offset}"
    )]
    Handler {
        /// The projection.
        projection: &'static str,
        /// How many events it was given.
        events: usize,
        /// The first one's partition.
        partition: u32,
        /// The first one's offset.
        offset: u64,
        /// What a call that failed says of trying again.
        failure: Option<Failure>,
        /// The handler's own error.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A handler sent a statement that is not its to send.
    #[error("`{statement}` is refused: {reason}")]
    Statement {
        /// How the statement begins.
        statement: String,
        /// Why it is refused.
        reason: Refused,
    },
    /// The status cannot be served at the address that was asked for.
    #[error("the status cannot be served: is the address this machine's, and free?")]
    Http(#[source] std::io::Error),
    /// What stands for Postgres under simulation failed.
    #[cfg(feature = "simulation")]
    #[doc(hidden)]
    #[error("simulated: {0:?}")]
    Simulated(Passing),
    /// The projection's own code panicked.
    #[error("the projection panicked: {0}")]
    Code(String),
    /// More keys are parked than may be.
    #[error(
        "projection {projection} has {keys} parked keys, more than the {limit} that it may have: is it the code? \
         Mend that, or raise the limit"
    )]
    TooManyParked {
        /// The projection.
        projection: &'static str,
        /// How many keys would be parked.
        keys: usize,
        /// How many may be.
        limit: usize,
    },
    /// A background task panicked, most likely in the projection's own code.
    #[error("the projection panicked")]
    Panicked(#[source] tokio::task::JoinError),
}

/// What the failure of a call says of trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    passing: bool,
    conflict: bool,
    lock_conflict: bool,
}

impl Failure {
    pub(crate) fn of(error: &ProjectorError) -> Self {
        Self {
            passing: error.is_retryable(),
            conflict: error.is_conflict(),
            lock_conflict: error.is_lock_conflict(),
        }
    }
}

/// A failure that passes, under simulation.
#[cfg(feature = "simulation")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passing {
    /// The connection broke.
    Broken,
    /// Another transaction was in the way.
    Conflict,
}

/// How a log differs from the one that was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// Its first owner is another.
    #[error("its first claim is by {found}, not by {expected}")]
    Claimant {
        /// The claimant of epoch 1 when the projection began.
        expected: Uuid,
        /// The claimant of epoch 1 now.
        found: Uuid,
    },
    /// It has no first owner.
    #[error("its first claim, by {expected}, is gone")]
    NoClaim {
        /// The claimant of epoch 1 when the projection began.
        expected: Uuid,
    },
    /// It is shorter.
    #[error("it ends at offset {end}")]
    Short {
        /// Its end.
        end: u64,
    },
    /// Records that were not read yet were deleted.
    #[error("its records before offset {start} were deleted")]
    Cut {
        /// Its first offset.
        start: u64,
    },
}

impl ProjectorError {
    /// Names what was being done when Postgres failed.
    pub(crate) fn postgres(doing: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Postgres { doing, source }
    }

    /// Whether the same may succeed later without anyone mending anything here: a server that is
    /// out of reach, restarting or short of resources.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Log(error) => error.is_retryable(),
            Self::Postgres { source, .. } => is_passing(source),
            Self::Silent(_) => true,
            Self::Handler { .. } => self.failed_call().is_some_and(|it| it.passing),
            Self::Connect(error) => error.is_passing(),
            #[cfg(feature = "simulation")]
            Self::Simulated(passing) => *passing == Passing::Broken,
            _ => false,
        }
    }

    /// Whether it is an event's fault: the same event fails wherever it is tried, and others do not. All else
    /// is the fault of a server, a table, a role or the log. Here, and nowhere else, it is decided what
    /// may be parked.
    pub(crate) fn is_of_event(&self) -> bool {
        match self {
            Self::Code(_) | Self::Value { .. } | Self::Key(KeyError::Folded { .. }) => true,
            Self::Log(error) => error.kind() == LogErrorKind::Corrupt,
            Self::Postgres { source, .. } => match source.code() {
                Some(code) => ["22", "23"]
                    .iter()
                    .any(|class| code.code().starts_with(class)),
                None => is_of_value(source),
            },
            _ => false,
        }
    }

    /// Says where Postgres was looked for, if at the start it was out of reach for so long.
    pub(crate) fn of_start(self, server: &Server, patience: Duration) -> Self {
        match self {
            error if error.is_retryable() => Self::PostgresUnreachable {
                server: server.to_string(),
                patience,
                source: Box::new(error),
            },
            error => error,
        }
    }

    /// Whether another transaction was in the way, so that the same batch may succeed at once. A
    /// row that another has inserted is among that; so is a row that breaks another unique index,
    /// and that does not pass.
    pub(crate) fn is_conflict(&self) -> bool {
        let unique = self.code() == Some(&SqlState::UNIQUE_VIOLATION);
        unique || self.is_lock_conflict() || self.failed_call().is_some_and(|it| it.conflict)
    }

    /// Whether another transaction's locks were in the way: that passes, though it may take long.
    pub(crate) fn is_lock_conflict(&self) -> bool {
        #[cfg(feature = "simulation")]
        if let Self::Simulated(passing) = self {
            return *passing == Passing::Conflict;
        }
        const CONFLICTS: [SqlState; 3] = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::LOCK_NOT_AVAILABLE,
        ];
        let call = self.failed_call().is_some_and(|it| it.lock_conflict);
        call || self.code().is_some_and(|code| CONFLICTS.contains(code))
    }

    /// The call on which a handler failed.
    fn failed_call(&self) -> Option<&Failure> {
        match self {
            Self::Handler { failure, .. } => failure.as_ref(),
            _ => None,
        }
    }

    /// Whether a switch may succeed in a moment, without anyone mending anything.
    pub(crate) fn is_passing_switch(&self) -> bool {
        let passing = |error: &SwitchError| {
            use SwitchError::{Added, Behind, Busy};
            matches!(error, Behind { .. } | Busy { .. } | Added { .. })
        };
        match self {
            Self::Switch(error) => passing(error),
            error => error.is_lock_conflict(),
        }
    }

    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres { source, .. } => source.code(),
            _ => None,
        }
    }
}

/// Whether the driver could not encode a key, which has no error of its own.
fn is_of_value(error: &tokio_postgres::Error) -> bool {
    error.to_string().starts_with("error serializing parameter")
}

/// Two shapes, without what they have in common before the names of the aggregates.
fn difference(then: &str, now: &str) -> String {
    match (then.split_once(") of "), now.split_once(") of ")) {
        (Some((rows, then)), Some((same, now))) if rows == same => {
            format!("… of {then}, which is now … of {now}")
        }
        _ => format!("{then}, which is now {now}"),
    }
}

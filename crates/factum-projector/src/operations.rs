//! What operators see of projections, and do to them: all of it is in Postgres, so it works while
//! workers run.

mod dead_letters;
mod end;
mod list;
mod parked;
mod passed;
mod pause;
mod rebuild;
mod removal;
mod seek;
mod skip;
mod status;

pub use dead_letters::{
    DeadLetter, DeadLettersError, Discard, LetterFilter, ParkedKey, Replay, ReplayProgress,
};
pub use end::{CatchUpError, CaughtUp};
pub use list::ListedProjection;
pub use seek::{SeekError, SeekPartition, SeekTo, Skip, SkippedEvent};
pub use status::{PartitionProgress, WorkerFailure};

use crate::ProjectorError;
use crate::session::{Server, Session};
use crate::switch::SwitchError;

/// A session for operators with the Postgres that holds read models.
pub struct Operations {
    server: Server,
    session: Session,
    /// The Postgres schema of Factum's own tables.
    schema: String,
}

impl Operations {
    /// Connects to the Postgres that holds the read models, by an address like
    /// `postgres://user:password@host:port/database`; `schema` is that of Factum's own tables.
    ///
    /// # Errors
    /// The address cannot be read, or Postgres is out of reach or refuses.
    pub async fn connect(postgres: &str, schema: &str) -> Result<Self, ProjectorError> {
        let server = Server::parse(postgres, "cli")?;
        Ok(Self {
            session: server.connect().await?,
            server,
            schema: schema.to_owned(),
        })
    }
}

/// The error where there is no such version.
fn unknown(projection: &str, version: u32) -> ProjectorError {
    let projection = projection.to_owned();
    SwitchError::Unknown {
        projection,
        version,
    }
    .into()
}

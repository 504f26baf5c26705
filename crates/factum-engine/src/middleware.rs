//! A seam around every command: who may ask for it, what is known of it, and what became of it.

use std::fmt;
use std::time::Duration;

use factum_core::{Aggregate, Metadata};
use uuid::Uuid;

use crate::{ExecuteError, Receipt};

/// Looks at every command that an engine decides, however it came there: called directly, or sent
/// through the log by another process.
///
/// It is called by the task that owns the aggregate's partition, so it must neither block nor wait: who
/// has to ask another service asks before the command is executed, and lets the answer travel in the
/// command or its metadata.
pub trait Middleware<A: Aggregate>: Send + Sync + 'static {
    /// Called before the command is decided. It may change the metadata, which the events will carry.
    ///
    /// A command that comes again under its id is answered as it was the first time, and not seen here.
    ///
    /// # Errors
    /// The command is denied: nothing is appended, and its caller gets [`ExecuteError::Denied`].
    fn before(&self, call: &mut Call<'_, A>) -> Result<(), Denied> {
        let _ = call;
        Ok(())
    }

    /// Called when the answer is final, just before the caller gets it.
    fn after(&self, done: &Done<'_, A>) {
        let _ = done;
    }
}

/// A command that is about to be decided.
pub struct Call<'c, A: Aggregate> {
    /// The aggregate's id.
    pub id: &'c str,
    /// What is asked for.
    pub command: &'c A::Command,
    /// The command's id.
    pub command_id: Uuid,
    /// Who and what led to it. What came through the log says what its sender wrote.
    pub metadata: &'c mut Metadata,
}

/// A command whose fate is known.
pub struct Done<'d, A: Aggregate> {
    /// The command's id.
    pub command_id: Uuid,
    /// What became of it.
    pub outcome: &'d Result<Receipt, ExecuteError<A::Rejection>>,
    /// How long that took since the owner had it.
    pub took: Duration,
}

/// Why a command is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(pub String);

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! Reading one's own writes: waiting until a read model shows what a command did.

mod error;
mod listener;
mod options;
mod positions;
mod waiters;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use factum_core::ConsistencyToken;
use tokio::task::AbortHandle;

pub use error::WaitError;
pub use options::ReadModelOptions;

use crate::ProjectorError;
use crate::session::Server;
use listener::Listener;
use positions::Projection;
use waiters::{Answer, Late};
use waiting::Waiting;

/// A read model in Postgres, for those who wait until it shows what they did.
///
/// It takes one connection, however many wait: whenever a worker of the projection commits, Postgres
/// notifies it, and one query answers all who wait. Nobody is answered by what was read before they
/// asked. A connection that breaks is made anew with back-off, and what was missed is read then.
/// While nobody waits nothing is asked, and whoever stops waiting leaves nothing behind.
///
/// Clones share the connection; it closes with the last of them.
///
/// ```no_run
/// # use std::time::Duration;
/// # use factum_projector::{ReadModel, ReadModelOptions};
/// # async fn run(token: factum_core::ConsistencyToken) -> Result<(), Box<dyn std::error::Error>> {
/// let shelf = ReadModel::open("postgres://…", "shelf", ReadModelOptions::default()).await?;
/// shelf.wait_for(token, Duration::from_secs(5)).await?; // or of `&receipt`
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ReadModel {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    projection: Projection,
    /// Where Postgres is, for messages.
    server: String,
    waiting: Arc<Waiting>,
    listener: AbortHandle,
}

impl ReadModel {
    /// Connects to the Postgres that holds the read model: an address like
    /// `postgres://user:password@host:port/database`, of the server that is written to, since no other
    /// can notify. `projection` is the name that its `Fold` has.
    ///
    /// The projection need not have begun: a service may start before its first worker. The role must
    /// be allowed to read Factum's tables of positions and versions, and nothing else.
    ///
    /// # Errors
    /// The address cannot be read; Postgres is out of reach for [`ReadModelOptions::start_timeout`],
    /// or refuses.
    pub async fn open(
        postgres: &str,
        projection: &str,
        options: ReadModelOptions,
    ) -> Result<Self, ProjectorError> {
        let projection = Projection::new(projection, &options);
        let server = Server::parse(postgres, &projection.waits_as())?;
        let waiting = Arc::new(Waiting::default());
        let listener = Listener {
            projection: projection.clone(),
            server,
            waiting: waiting.clone(),
            poll_interval: options.poll_interval,
        };
        let server = listener.server.to_string();
        let session = listener.start(options.start_timeout).await?;
        let listener = factum_host::spawn(listener.run(session)).abort_handle();
        let inner = Inner {
            projection,
            server,
            waiting,
            listener,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Waits until the read model shows what a command did: `what` is its `&Receipt`, an
    /// event, or the [`ConsistencyToken`] of either, on the topic of this projection.
    ///
    /// Every statement that begins after this has returned sees the rows, in whichever session of the
    /// same server; not so one in a transaction that took its snapshot before, or on a replica.
    /// Dropping the future stops waiting.
    ///
    /// # Errors
    /// The projection has not come so far in time, Postgres could not be asked, or there is no such
    /// projection, partition or topic. The command took effect all the same.
    pub async fn wait_for(
        &self,
        what: impl Into<ConsistencyToken>,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        let token = what.into();
        let (ticket, answer) = self.inner.waiting.register(token);
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(answer)) => self.inner.judge(token, answer),
            // The listener ends only with the read model, or by a defect of its own.
            Ok(Err(_)) | Err(_) => {
                let late = self.inner.waiting.late(&ticket);
                Err(self.inner.too_late(token, timeout, late))
            }
        }
    }
}

impl Inner {
    fn judge(&self, token: ConsistencyToken, answer: Answer) -> Result<(), WaitError> {
        let (projection, partition) = (self.projection.to_string(), token.partition);
        Err(match answer {
            Answer::Reached => return Ok(()),
            Answer::NotBegun => WaitError::NotBegun {
                projection,
                table: self.projection.table(),
                server: self.server.clone(),
            },
            Answer::NoPartition { partitions } => WaitError::NoPartition {
                projection,
                partition,
                partitions,
            },
            Answer::SeveralTopics(topics) => WaitError::SeveralTopics {
                projection,
                topics: topics.join(", "),
            },
        })
    }

    fn too_late(&self, token: ConsistencyToken, timeout: Duration, late: Late) -> WaitError {
        match late {
            Late::Behind { reached } => WaitError::TimedOut {
                projection: self.projection.to_string(),
                partition: token.partition,
                sequence: token.sequence,
                reached,
                timeout,
            },
            Late::Unknown { source } => WaitError::Unreachable {
                projection: self.projection.to_string(),
                server: self.server.clone(),
                timeout,
                source,
            },
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

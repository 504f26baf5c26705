//! The one connection of all who wait: listens, looks, and is made anew when it breaks.

use std::sync::Arc;
use std::time::Duration;

use factum_core::chain;

use super::positions::Projection;
use super::waiting::Waiting;
use crate::ProjectorError;
use crate::backoff::{Backoff, patiently};
use crate::session::{Heard, Server, Session};

/// A server that does not answer for so long is taken for lost, like one whose connection broke.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Listener {
    pub projection: Projection,
    pub server: Server,
    pub waiting: Arc<Waiting>,
    pub poll_interval: Duration,
}

impl Listener {
    /// The first session, in which a look has succeeded: an address or a role that can't do is known
    /// at once.
    pub(super) async fn start(&self, patience: Duration) -> Result<Session, ProjectorError> {
        let started = patiently(patience, ProjectorError::is_retryable, || async {
            let session = self.connect().await?;
            self.projection.read(&session.client).await?;
            Ok(session)
        });
        started
            .await
            .map_err(|error| error.of_start(&self.server, patience))
    }

    /// Answers those who wait, as long as it is polled.
    pub(super) async fn run(self, first: Session) {
        let mut backoff = Backoff::default();
        let mut session = Ok(first);
        loop {
            let failure = match session {
                Ok(session) => self.serve(&session, &mut backoff).await,
                Err(failure) => failure,
            };
            let error = chain(&failure);
            tracing::warn!(
                error,
                "cannot see how far the projection is: connecting again"
            );
            self.waiting.failed(failure);
            backoff.wait().await;
            self.waiting.due(self.poll_interval).await;
            session = self.connect().await;
        }
    }

    /// A session that listens before anything is read in it: what moves later is notified.
    async fn connect(&self) -> Result<Session, ProjectorError> {
        let connected = tokio::time::timeout(PATIENCE, self.listen()).await;
        connected.unwrap_or(Err(ProjectorError::Silent(PATIENCE)))
    }

    async fn listen(&self) -> Result<Session, ProjectorError> {
        let (waiting, name) = (self.waiting.clone(), self.projection.name.clone());
        let heard = move |heard: Heard<'_>| match heard {
            Heard::Notification(projection) if projection != name => {}
            // A session that ended hears nothing more: what it missed is looked for.
            Heard::Notification(_) | Heard::End => waiting.may_have_moved(),
        };
        let session = self.server.listen(heard).await?;
        self.projection.listen(&session.client).await?;
        Ok(session)
    }

    /// Looks whenever it is due, until that fails.
    async fn serve(&self, session: &Session, backoff: &mut Backoff) -> ProjectorError {
        loop {
            self.waiting.due(self.poll_interval).await;
            self.waiting.begin();
            let read = self.projection.read(&session.client);
            match tokio::time::timeout(PATIENCE, read).await {
                Ok(Ok(seen)) => self.waiting.end(seen),
                Ok(Err(failure)) => return failure,
                Err(_) => return ProjectorError::Silent(PATIENCE),
            }
            backoff.reset();
        }
    }
}

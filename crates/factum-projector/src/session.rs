//! A connection to Postgres, set up for a projection worker.

use std::future::poll_fn;
use std::sync::Arc;

use factum_core::chain;
use factum_postgres::{Address, Connection};
use tokio::task::AbortHandle;
use tokio_postgres::{AsyncMessage, Client};

use crate::ProjectorError;
use crate::alive::{self, Backend, Call, Calls};
use crate::place;

/// The longest name that Postgres keeps of an application, in bytes.
const NAME_LIMIT: usize = 63;

/// Where Postgres is, and as what to appear there.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    address: Address,
    /// How the worker's sessions are called in `pg_stat_activity`.
    pub application: String,
    /// The statements that lead to the tables of a version, if it works for one.
    lead: Option<String>,
}

/// A session of its own. Dropping it closes the connection; what was not committed is undone.
pub(crate) struct Session {
    pub client: Client,
    /// The process id of the server's side.
    pub pid: i32,
    calls: Arc<Calls>,
    connection: AbortHandle,
    watch: AbortHandle,
}

/// What a session hears of without having asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard<'a> {
    /// A notification on a channel that it listens to, with this payload.
    Notification(&'a str),
    /// Its connection has ended, and not by its own doing.
    End,
}

impl Server {
    /// Reads an address like `postgres://user:password@host:port/database`.
    pub(crate) fn parse(url: &str, projection: &str) -> Result<Self, ProjectorError> {
        let mut application = format!("factum.{projection}");
        application.truncate(application.floor_char_boundary(NAME_LIMIT));
        let address = Address::parse(url)?.for_writing();
        Ok(Self {
            address: address.application(&application),
            application,
            lead: None,
        })
    }

    /// The same, for a session that a worker has beside those that write: it is never in their way, and
    /// not ended by a worker that takes over.
    pub(crate) fn steward(&self) -> Self {
        let application = self.application.replacen("factum.", "factum.steward.", 1);
        Self {
            address: self.address.clone().application(&application),
            application,
            lead: self.lead.clone(),
        }
    }

    /// The same, with sessions that look for tables where those of this version are.
    pub(crate) fn leading_to(self, projection: &str, version: u32) -> Self {
        let lead = Some(place::lead_to(projection, version));
        Self { lead, ..self }
    }

    /// Opens a session.
    pub(crate) async fn connect(&self) -> Result<Session, ProjectorError> {
        self.listen(|_| {}).await
    }

    /// Opens a session that tells what it hears of.
    pub(crate) async fn listen(
        &self,
        heard: impl Fn(Heard<'_>) + Send + 'static,
    ) -> Result<Session, ProjectorError> {
        let (client, connection) = self.address.connect().await?;
        let failed = || ProjectorError::postgres(format!("set up a session with {self}"));
        let connection = factum_host::spawn(drive(connection, heard)).abort_handle();
        let late = factum_host::spawn(alive::end_late(connection.clone()));
        // A worker that is stopped in mid-batch must not hold its locks for ever. Plans depend on
        // how many keys a batch touches, so none is kept from batch to batch.
        let settings = "SET idle_in_transaction_session_timeout = '60s'; \
             SET plan_cache_mode = force_custom_plan; \
             SET jit = off; \
             SET default_transaction_isolation = 'read committed'; \
             SET client_min_messages = warning";
        client.batch_execute(settings).await.map_err(failed())?;
        if let Some(lead) = &self.lead {
            client.batch_execute(lead).await.map_err(failed())?;
        }
        // A server on a system that can't watch connections refuses this, and does without.
        let watch = "SET client_connection_check_interval = '5s'";
        let _ = client.batch_execute(watch).await;
        let whom = "SELECT pid, extract(epoch FROM backend_start)::text \
                    FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let row = client.query_one(whom, &[]).await.map_err(failed())?;
        late.abort();
        let backend = Backend {
            pid: row.get(0),
            started: row.get(1),
        };
        let (pid, calls) = (backend.pid, Arc::new(Calls::default()));
        let watch = alive::watch(
            self.address.clone(),
            backend,
            calls.clone(),
            connection.clone(),
        );
        Ok(Session {
            client,
            pid,
            calls,
            connection,
            watch: factum_host::spawn(watch).abort_handle(),
        })
    }
}

impl Session {
    /// To be held while the server's answer is waited for: a server that does not come with it for
    /// long is asked over another connection whether it still works for this one.
    pub(crate) fn call(&self) -> Call<'_> {
        self.calls.begin()
    }
}

async fn drive(mut connection: Connection, heard: impl Fn(Heard<'_>) + Send + 'static) {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notification(it)) => heard(Heard::Notification(it.payload())),
            Ok(AsyncMessage::Notice(notice)) => tracing::debug!(%notice, "Postgres says"),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = chain(&error), "connection ended");
                break;
            }
        }
    }
    heard(Heard::End);
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
        self.watch.abort();
    }
}

/// User, host, port and database: all of the address but the password.
impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_shown_without_the_password() {
        let server = Server::parse("postgres://bank:s3cret@db:5433/loans", "loan_board.v1");
        let server = server.unwrap();
        assert_eq!(server.to_string(), "bank@db:5433/loans");
        assert_eq!(server.application, "factum.loan_board.v1");
        let error = Server::parse("postgres//bank:s3cret@db", "x").unwrap_err();
        assert!(!factum_core::chain(&error).contains("s3cret"), "{error}");
    }
}

//! A connection to Postgres, set up for a projection worker.

use std::future::poll_fn;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_postgres::config::Host;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket};

use crate::ProjectorError;

/// The longest name that Postgres keeps of an application, in bytes.
const NAME_LIMIT: usize = 63;

/// Where Postgres is, and as what to appear there.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    config: Config,
    /// How the worker's sessions are called in `pg_stat_activity`.
    pub application: String,
}

/// A session of its own. Dropping it closes the connection; what was not committed is undone.
pub(crate) struct Session {
    pub client: Client,
    /// The process id of the server's side.
    pub pid: i32,
    connection: AbortHandle,
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
        let mut config: Config = url.parse().map_err(ProjectorError::PostgresAddress)?;
        let mut application = format!("factum.{projection}");
        application.truncate(application.floor_char_boundary(NAME_LIMIT));
        config.application_name(&application);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(Duration::from_secs(30));
        }
        config.keepalives_idle(Duration::from_secs(15));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3);
        Ok(Self {
            config,
            application,
        })
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
        let failed = || ProjectorError::postgres(format!("connect to {self}"));
        let (client, connection) = self.config.connect(NoTls).await.map_err(failed())?;
        let connection = factum_host::spawn(drive(connection, heard)).abort_handle();
        // A worker that is stopped in mid-batch must not hold its locks for ever. Plans depend on
        // how many keys a batch touches, so none is kept from batch to batch.
        let settings = "SET idle_in_transaction_session_timeout = '60s'; \
             SET plan_cache_mode = force_custom_plan; \
             SET jit = off; \
             SET default_transaction_isolation = 'read committed'; \
             SET client_min_messages = warning";
        client.batch_execute(settings).await.map_err(failed())?;
        // A server on a system that can't watch connections refuses this, and does without.
        let watch = "SET client_connection_check_interval = '5s'";
        let _ = client.batch_execute(watch).await;
        let row = client
            .query_one("SELECT pg_backend_pid()", &[])
            .await
            .map_err(failed())?;
        Ok(Session {
            client,
            pid: row.get(0),
            connection,
        })
    }
}

async fn drive(
    mut connection: Connection<Socket, NoTlsStream>,
    heard: impl Fn(Heard<'_>) + Send + 'static,
) {
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match message {
            Ok(AsyncMessage::Notification(it)) => heard(Heard::Notification(it.payload())),
            Ok(AsyncMessage::Notice(notice)) => tracing::debug!(%notice, "Postgres says"),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(error = crate::error::chain(&error), "connection ended");
                break;
            }
        }
    }
    heard(Heard::End);
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// User, host, port and database: all of the address but the password.
impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let config = &self.config;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".into(),
        };
        let port = config.get_ports().first().copied().unwrap_or(5432);
        if let Some(user) = config.get_user() {
            write!(f, "{user}@")?;
        }
        write!(f, "{host}:{port}")?;
        match config.get_dbname() {
            Some(database) => write!(f, "/{database}"),
            None => Ok(()),
        }
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
        assert!(!crate::error::chain(&error).contains("s3cret"), "{error}");
    }
}

//! Noticing that the server's side of a session is gone although the connection stands.
//!
//! TCP notices a machine that has vanished (see `factum-postgres`). It does not notice a server that
//! hangs on a machine that still answers for it, and a statement may rightly take long. So a server that
//! owes an answer for long is asked over another connection whether the session is still there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use factum_core::chain;
use factum_postgres::Address;
use tokio::task::AbortHandle;

/// A session is asked after when a call has taken one to two times as long.
const PULSE: Duration = Duration::from_secs(5);

/// Calls to a server, and what it has answered.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    open: AtomicUsize,
    answered: AtomicU64,
}

/// A call that is not answered yet. Whoever drops it has the answer, or wants it no more.
#[must_use]
pub(crate) struct Call<'a>(&'a Calls);

/// The server's side of a session.
pub(crate) struct Backend {
    pub pid: i32,
    /// In seconds since 1970, as text: process ids are given out again.
    pub started: String,
}

impl Calls {
    pub(crate) fn begin(&self) -> Call<'_> {
        self.open.fetch_add(1, Ordering::Relaxed);
        Call(self)
    }

    /// How many were answered, if others were not.
    fn owing(&self) -> Option<u64> {
        let owing = self.open.load(Ordering::Relaxed) > 0;
        owing.then(|| self.answered.load(Ordering::Relaxed))
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends a connection whose session is not set up in time: before that nobody can be asked after it.
pub(crate) async fn end_late(connection: AbortHandle) {
    tokio::time::sleep(4 * PULSE).await;
    connection.abort();
}

/// Ends the connection when the server owes an answer for long, and its side of the session is gone.
pub(crate) async fn watch(
    address: Address,
    backend: Backend,
    calls: Arc<Calls>,
    connection: AbortHandle,
) {
    let mut before = None;
    loop {
        tokio::time::sleep(PULSE).await;
        let now = calls.owing();
        if now.is_some() && now == before && !backend.is_alive(&address).await {
            let server = address.to_string();
            tracing::warn!(
                server,
                "Postgres no longer answers: the connection is given up"
            );
            return connection.abort();
        }
        before = now;
    }
}

impl Backend {
    /// Whether a server that answers knows it. One that answers but lets nobody in may know it.
    async fn is_alive(&self, address: &Address) -> bool {
        let asking = async {
            let (client, connection) = address.connect().await.map_err(|error| {
                tracing::warn!(error = chain(&error), "Postgres owes an answer for long");
                error.is_answer()
            })?;
            let connection = factum_host::spawn(connection);
            let query = "SELECT FROM pg_stat_activity \
                         WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2";
            let found = client.query(query, &[&self.pid, &self.started]).await;
            connection.abort();
            found.map_or(Err(false), |found| Ok(!found.is_empty()))
        };
        match tokio::time::timeout(4 * PULSE, asking).await {
            Ok(Ok(alive) | Err(alive)) => alive,
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_owes_what_was_asked_and_not_answered() {
        let calls = Calls::default();
        assert_eq!(calls.owing(), None);
        let (first, second) = (calls.begin(), calls.begin());
        assert_eq!(calls.owing(), Some(0));
        drop(first);
        assert_eq!(calls.owing(), Some(1), "it answers, if not all");
        drop(second);
        assert_eq!(calls.owing(), None);
    }
}

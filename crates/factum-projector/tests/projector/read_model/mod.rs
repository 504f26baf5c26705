//! Reading one's own writes.

mod faults;
mod refusals;
mod sql;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use factum_projector::{ReadModel, ReadModelOptions};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::bank::Bank;

const MINUTE: Duration = Duration::from_secs(60);

/// As the bank's read model is waited for. Nothing is looked for without a notification while a test runs.
fn options(bank: &Bank) -> ReadModelOptions {
    ReadModelOptions {
        schema: bank.schema.clone(),
        start_timeout: Duration::from_secs(2),
        poll_interval: 10 * MINUTE,
        ..ReadModelOptions::default()
    }
}

async fn open(bank: &Bank) -> ReadModel {
    let opened = ReadModel::open(&bank.postgres(), "balances", options(bank)).await;
    opened.unwrap()
}

/// A worker that runs until it is killed: dropping it undoes the batch under way.
struct Worker(JoinHandle<()>);

impl Worker {
    fn start(bank: &Bank) -> Self {
        let (projector, url) = (bank.balances().options(bank.options()), bank.postgres());
        let log = Arc::new(bank.view());
        Self(tokio::spawn(async move {
            let run = projector.run(log, &url, std::future::pending());
            run.await.unwrap();
        }))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The version that the row of an account shows, if it is there.
async fn version(client: &Client, account: &str) -> Result<Option<i64>, tokio_postgres::Error> {
    let query = r#"SELECT "last version" FROM balance WHERE account = $1"#;
    let row = client.query_opt(query, &[&account]).await?;
    Ok(row.and_then(|row| row.get(0)))
}

/// How many connections those who wait for this bank's read model hold.
async fn listeners(bank: &Bank) -> i64 {
    let count = "SELECT count(*) FROM pg_stat_activity \
                 WHERE application_name = 'factum.wait.balances' AND query LIKE $1";
    let mine = format!("%{}%", bank.schema);
    bank.client.query_one(count, &[&mine]).await.unwrap().get(0)
}

/// Ends the connections of those who wait for this bank's read model.
async fn end_listeners(client: &Client, schema: &str) -> Result<(), tokio_postgres::Error> {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'factum.wait.balances' AND query LIKE $1";
    client.query(end, &[&format!("%{schema}%")]).await.map(drop)
}

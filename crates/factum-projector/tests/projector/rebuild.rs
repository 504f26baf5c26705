//! A new version is built beside the live one, and readers are led to it.

mod cuts;
mod handlers;
mod kill;
mod operations;
mod pace;
mod readers;
mod stage;
mod surroundings;

use std::sync::Arc;

use factum_core::Recorded;
use factum_projector::{
    Fold, Operations, Options, Projection, Projector, ProjectorError, Summary, Switch,
};
use tokio::task::JoinHandle;

use crate::bank::{BALANCE, Balance, Balances, Bank, Ledger, Posted, expected, within};

/// The balances as a next version of their code makes them: other rows in a table of the same name.
#[derive(Clone, Copy, Debug)]
pub struct Newer;

impl Fold for Newer {
    type Event = Posted;
    type Row = Balance;
    const NAME: &'static str = "balances";
    const VERSION: u32 = 2;

    fn key(&self, event: &Recorded<Posted>) -> Option<String> {
        Balances.key(event)
    }

    fn fold(&self, row: Option<Balance>, event: &Recorded<Posted>) -> Option<Balance> {
        let mut row = Balances.fold(row, event)?;
        row.digest = -row.digest;
        Some(row)
    }
}

/// What waits until the table is filled.
const INDEXES: &str = "CREATE INDEX balance_by_amount ON balance (balance)";

fn projector<F: Fold>(fold: F, options: Options) -> Projector<F> {
    Projector::new(fold)
        .table(BALANCE)
        .indexes(INDEXES)
        .options(options)
}

/// A worker that runs until it is killed: dropping it undoes what is under way.
struct Worker(JoinHandle<Result<Summary, ProjectorError>>);

impl Worker {
    fn start<P: Projection>(bank: &Bank, projector: Projector<P>, url: String) -> Self {
        let log = Arc::new(bank.view());
        Self(tokio::spawn(async move {
            projector.run(log, &url, std::future::pending()).await
        }))
    }

    /// The error that ends it.
    async fn error(mut self) -> String {
        let ended = within(60, &mut self.0).await.unwrap();
        crate::refusals::words(ended.unwrap_err())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn options(bank: &Bank) -> Options {
    Options {
        batch_bytes: 1_250,
        start_timeout: std::time::Duration::from_secs(60),
        ..bank.options()
    }
}

fn manual(bank: &Bank) -> Options {
    Options {
        switch: Switch::Manual,
        ..options(bank)
    }
}

fn until_end(options: Options) -> Options {
    Options {
        until_end: true,
        ..options
    }
}

/// The schema of a version's own.
fn own_schema(bank: &Bank, version: u32) -> String {
    format!("{}_balances_v{version}", bank.schema)
}

async fn operations(bank: &Bank) -> Operations {
    let operations = Operations::connect(&bank.postgres(), &bank.schema).await;
    operations.unwrap()
}

/// The live version; 0 where none is.
async fn live(bank: &Bank) -> i32 {
    let query = "SELECT coalesce(max(version) FILTER (WHERE state = 'live'), 0) FROM versions";
    bank.client.query_one(query, &[]).await.unwrap().get(0)
}

/// How many schemas, tables, positions and versions there are of a version.
async fn traces(bank: &Bank, version: i32) -> i64 {
    let query = format!(
        "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = '{0}_balances_v{version}') \
         + (SELECT count(*) FROM positions WHERE version = {version}) \
         + (SELECT count(*) FROM versions WHERE version = {version})",
        bank.schema
    );
    bank.client.query_one(&query, &[]).await.unwrap().get(0)
}

/// The rows that readers see are those of the live version, whole.
async fn shows_the_live_version(bank: &Bank, ledger: &Ledger) {
    let rows = bank.rows::<Balance>().await;
    match live(bank).await {
        1 => assert_eq!(rows, expected(&Balances, &ledger.valid)),
        2 => assert_eq!(rows, expected(&Newer, &ledger.valid)),
        other => panic!("version {other} is live"),
    }
}

/// A bank whose first version shows everything, and its ledger.
async fn bank(server: &str, commits: usize, seed: u64) -> (Bank, Ledger) {
    let bank = Bank::on(server).await;
    let mut ledger = Ledger::create(&bank, 2, seed).await;
    ledger.fill(commits).await;
    let first = projector(Balances, bank.until_end());
    bank.run(first).await.unwrap();
    assert_eq!(live(&bank).await, 1);
    (bank, ledger)
}

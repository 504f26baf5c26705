//! The rows are what a fold of every valid event, one by one, gives: whatever the batches, the
//! crashes and the workers.

use std::time::Duration;

use crate::bank::{
    self, Balance, Balances, Bank, Ledger, Posted, Shown, Turnovers, eventually, expected, within,
};
use factum_projector::{MultiFold, Options, Projection, Projector, Row};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinHandle;

#[tokio::test]
async fn a_log_full_of_noise_becomes_exact_rows() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 1).await;
    ledger.fill(2000).await;
    let summary = bank
        .run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_eq!(summary.events, ledger.valid.len() as u64);
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );

    let again = bank
        .run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_eq!((again.events, again.batches), (0, 0));

    ledger.fill(500).await;
    let more = bank
        .run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_eq!(summary.events + more.events, ledger.valid.len() as u64);
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
    let notes = "SELECT count(*) FROM balance WHERE note IS DISTINCT FROM 'left alone'";
    let changed: i64 = bank.client.query_one(notes, &[]).await.unwrap().get(0);
    assert_eq!(
        changed, 0,
        "columns that the row does not have are left alone"
    );
}

#[tokio::test]
async fn a_live_worker_follows_the_log_and_stops_when_told() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 2).await;
    let log = std::sync::Arc::new(bank.view());
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let (projector, url) = (bank.balances().options(bank.options()), bank.postgres());
    let worker = tokio::spawn(async move {
        projector
            .run(log, &url, async { drop(stopped.await) })
            .await
    });
    for _ in 0..20 {
        ledger.fill(10).await;
        let end = ledger.records().await;
        eventually("the worker catches up", async || {
            bank.positions().await == end
        })
        .await;
        assert_eq!(
            bank.rows::<Balance>().await,
            expected(&Balances, &ledger.valid)
        );
    }
    stop.send(()).unwrap();
    let summary = within(60, worker).await.unwrap().unwrap();
    assert_eq!(summary.events, ledger.valid.len() as u64);
}

/// Folds through crashes, and compares the rows.
pub async fn through_crashes<F: MultiFold<Event = Posted> + Copy>(
    seed: u64,
    workers: usize,
    fold: F,
    table: &str,
) where
    F::Row: Shown,
{
    let projector = Projector::new(fold).table(table);
    let (bank, ledger) = crashes(seed, workers, projector).await;
    let rows = bank.rows::<F::Row>().await;
    assert_eq!(rows, expected(&fold, &ledger.valid), "seed {seed}");
}

/// Workers that are dropped in mid-step and lose their sessions, at random moments, until they have
/// projected everything.
pub async fn crashes<P: Projection + Clone>(
    seed: u64,
    workers: usize,
    projector: Projector<P>,
) -> (Bank, Ledger) {
    let mut random = StdRng::seed_from_u64(seed);
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 4, seed).await;
    ledger.fill(1500).await;
    let options = Options {
        batch_bytes: random.random_range(100..20_000),
        lock_wait: Duration::from_millis(300),
        start_timeout: Duration::from_secs(60),
        ..bank.options()
    };
    let start = || worker(&bank, projector.clone().options(options.clone()));
    let mut running: Vec<_> = (0..workers).map(|_| start()).collect();
    for step in 0..40 {
        tokio::time::sleep(Duration::from_millis(random.random_range(0..40))).await;
        let victim = random.random_range(0..workers);
        match random.random_range(0..3) {
            0 => {
                running[victim].abort();
                running[victim] = start();
            }
            1 => bank.kill_sessions().await,
            _ if step < 30 => ledger.fill(60).await,
            _ => {}
        }
    }
    let end = ledger.records().await;
    eventually("all is projected", async || bank.positions().await == end).await;
    for worker in &running {
        assert!(!worker.is_finished(), "seed {seed}: no worker gives up");
        worker.abort();
    }
    (bank, ledger)
}

fn worker<P: Projection>(bank: &Bank, projector: Projector<P>) -> JoinHandle<()> {
    let log = std::sync::Arc::new(bank.view());
    let url = bank.postgres();
    tokio::spawn(async move {
        let ended = projector.run(log, &url, std::future::pending()).await;
        panic!("a worker gave up: {:?}", ended.unwrap_err());
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_worker_survives_crashes() {
    for seed in 0..4 {
        through_crashes(seed, 1, Balances, bank::BALANCE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_share_rows_survive_crashes() {
    for seed in 10..14 {
        through_crashes(seed, 3, Turnovers, bank::TURNOVER).await;
    }
}

#[test]
fn keys_follow_the_order_of_the_fields() {
    let names: Vec<_> = bank::Turnover::COLUMNS
        .iter()
        .map(|c| (c.name(), c.is_key()))
        .collect();
    let expected = [
        ("postings", false),
        ("branch", true),
        ("amount", false),
        ("day", true),
    ];
    assert_eq!(names, expected);
}

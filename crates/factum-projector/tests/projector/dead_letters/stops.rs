//! Workers that stop at an event: everything before it is written, and nothing else.

use std::time::Duration;

use factum_projector::{Operations, ProjectorError, Retries, SeekPartition, SeekTo, Skip};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::bank::{posted, within};

const FEW: &str =
    "ALTER TABLE balance ADD CONSTRAINT few CHECK (account NOT LIKE 'poison%' OR balance < 50)";

/// Projects until the worker stops, and returns partition and offset of the event at which it did.
async fn stopped<F: Fold<Row = Balance>>(bank: &Bank, build: F, options: Options) -> (u32, u64) {
    let projector = Projector::new(build).table(BALANCE).options(options);
    match bank.run(projector).await.unwrap_err() {
        ProjectorError::Event {
            partition, offset, ..
        } => (partition, offset),
        other => panic!("{other:?}"),
    }
}

/// Where each partition stands.
async fn standing(bank: &Bank) -> Vec<u64> {
    let query = "SELECT \"offset\" FROM positions ORDER BY partition";
    let rows = bank.client.query(query, &[]).await.unwrap();
    let offsets = rows.iter().map(|row| row.get::<_, i64>(0) as u64);
    offsets.collect()
}

/// Asserts that the rows are those of all events before the positions, but for some.
async fn assert_exact(bank: &Bank, ledger: &Ledger, skipped: &[Skip]) {
    let at = standing(bank).await;
    let is_skipped = |event: &Recorded<Posted>| {
        let mut of = skipped.iter().filter(|it| it.partition == event.partition);
        of.any(|it| (it.from..it.to).contains(&event.offset))
    };
    let before = ledger
        .valid
        .iter()
        .filter(|event| event.offset < at[event.partition as usize] && !is_skipped(event));
    let before: Vec<_> = before.cloned().collect();
    assert_eq!(bank.rows::<Balance>().await, expected(&Balances, &before));
}

async fn skip(bank: &Bank, partition: u32, past: u64) -> Skip {
    let operations = Operations::connect(&bank.postgres(), &bank.schema).await;
    let operations = operations.unwrap();
    let which = SeekPartition {
        projection: "balances",
        version: 1,
        topic: None,
        partition,
    };
    let to = SeekTo::Offset(past + 1);
    let plan = operations.plan_seek(&bank.view(), which, to).await.unwrap();
    operations.skip(&plan, None).await.unwrap()
}

/// In the middle of what is gathered, of many batches, and of small ones.
#[tokio::test]
async fn everything_before_a_row_that_a_check_refuses_is_written() {
    for (seed, batch_bytes) in [(25, 1 << 20), (26, 3_000), (27, 1)] {
        let bank = Bank::new().await;
        let mut ledger = Ledger::create(&bank, 2, seed).await;
        bank.sql(&format!("{BALANCE}; {FEW}")).await;
        ledger.fill(200).await;
        // A commit is applied whole or not at all: the event before the refused one is not written.
        let first = ledger.end(1).await;
        let three = [posted(1, 5), posted(1, 500), posted(1, 1)];
        ledger.commit(1, "poison", &three).await;
        ledger.fill(100).await;
        ledger.commit(1, "good", &[posted(1, 3)]).await;
        let options = || Options {
            batch_bytes,
            ..bank.until_end()
        };
        for _start in 0..2 {
            let at = stopped(&bank, Balances, options()).await;
            assert_eq!(at, (1, first + 1));
            assert_eq!(standing(&bank).await[1], first);
            assert_exact(&bank, &ledger, &[]).await;
        }
        let skipped = skip(&bank, 1, first + 1).await;
        assert_eq!(
            (skipped.from, skipped.to, skipped.events),
            (first, first + 3, 3)
        );
        bank.run(bank.balances().options(options())).await.unwrap();
        assert_eq!(bank.positions().await, ledger.records().await);
        assert_exact(&bank, &ledger, &[skipped]).await;
    }
}

/// The events that are refused are found one after the other, in whatever order the partitions come.
#[tokio::test]
async fn of_events_that_fail_in_several_partitions_each_is_stopped_at() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 28).await;
    bank.sql(&format!("{BALANCE}; {FEW}")).await;
    let mut bad = Vec::new();
    for partition in [1, 0, 2, 1] {
        ledger.fill(60).await;
        bad.push((partition, ledger.end(partition).await));
        let id = format!("poison-{}", bad.len());
        match bad.len() {
            3 => ledger.commit_newer(partition, &id, &[posted(1, 5)]).await,
            _ => ledger.commit(partition, &id, &[posted(1, 500)]).await,
        }
    }
    ledger.fill(60).await;
    let mut skipped = Vec::new();
    while skipped.len() < bad.len() {
        let error = bank.run(bank.balances().options(bank.until_end())).await;
        let error = error.unwrap_err();
        assert_exact(&bank, &ledger, &skipped).await;
        let at = standing(&bank).await;
        let is_at = |it: &&(u32, u64)| at[it.0 as usize] == it.1;
        let told = |it: &&(u32, u64)| match &error {
            ProjectorError::Event {
                partition, offset, ..
            } => (*partition, *offset) == **it,
            _ => it.0 == 2,
        };
        let stopped_at = bad.iter().filter(is_at).find(told);
        let (partition, offset) = *stopped_at.unwrap_or_else(|| panic!("{at:?}: {error:?}"));
        let skip = skip(&bank, partition, offset).await;
        assert_eq!(skip.events, 1);
        skipped.push(skip);
    }
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_eq!(bank.positions().await, ledger.records().await);
    assert_exact(&bank, &ledger, &skipped).await;
}

/// Workers that are dropped in mid-step and lose their sessions on the way to the event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_on_the_way_there_costs_and_doubles_nothing() {
    for seed in 0..6 {
        let mut random = StdRng::seed_from_u64(seed);
        let bank = Bank::new().await;
        let mut ledger = Ledger::create(&bank, 2, seed).await;
        bank.sql(&format!("{BALANCE}; {FEW}")).await;
        ledger.fill(300).await;
        let bad = ledger.end(0).await;
        ledger.commit(0, "poison", &[posted(1, 500)]).await;
        ledger.fill(300).await;
        let options = Options {
            batch_bytes: random.random_range(100..100_000),
            start_timeout: Duration::from_secs(60),
            ..bank.until_end()
        };
        for _crash in 0..12 {
            let projector = bank.balances().options(options.clone());
            let (log, url) = (std::sync::Arc::new(bank.view()), bank.postgres());
            let worker =
                tokio::spawn(async move { projector.run(log, &url, std::future::pending()).await });
            tokio::time::sleep(Duration::from_millis(random.random_range(0..80))).await;
            match random.random() {
                true => bank.kill_sessions().await,
                false => worker.abort(),
            }
            within(60, worker)
                .await
                .map(|ended| ended.unwrap_err())
                .ok();
        }
        assert_eq!(
            stopped(&bank, Balances, options).await,
            (0, bad),
            "seed {seed}"
        );
        assert_eq!(standing(&bank).await[0], bad);
        assert_exact(&bank, &ledger, &[]).await;
    }
}

#[tokio::test]
async fn an_event_that_was_tried_again_first_is_stopped_at_as_well() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 29).await;
    ledger.fill(100).await;
    let bad = ledger.end(0).await;
    ledger.commit(0, "poison", &[posted(1, POISON)]).await;
    ledger.fill(50).await;
    let options = Options {
        failure: FailurePolicy::STOP.after(Retries::Times(1)),
        ..bank.until_end()
    };
    assert_eq!(stopped(&bank, Build::FIRST, options).await, (0, bad));
    assert_eq!(standing(&bank).await, [bad]);
    assert_exact(&bank, &ledger, &[]).await;
}

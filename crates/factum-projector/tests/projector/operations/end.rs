//! Waiting until a read model shows all that the log holds.

use std::sync::Arc;
use std::time::Duration;

use factum_projector::{CatchUpError, CaughtUp, FailurePolicy, Operations, Options};
use tokio::task::JoinHandle;

use super::operations;
use crate::bank::{Balance, Balances, Bank, Ledger, eventually, expected, posted, within};

const MOMENT: Duration = Duration::from_millis(1500);
const MINUTE: Duration = Duration::from_secs(60);

/// A worker that runs until it is dropped.
struct Worker(JoinHandle<()>);

impl Worker {
    fn start(bank: &Bank, options: Options) -> Self {
        let (projector, url) = (bank.balances().options(options), bank.postgres());
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

async fn wait(bank: &Bank, timeout: Duration) -> Result<CaughtUp, CatchUpError> {
    let (operations, log) = (operations(bank).await, bank.view());
    let waited = operations.wait_for_end(&log, "balances", None, timeout);
    within(90, waited).await
}

#[tokio::test]
async fn all_that_the_log_holds_is_shown_when_the_wait_ends() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 81).await;
    let never = wait(&bank, MINUTE).await.unwrap_err();
    assert!(
        matches!(never, CatchUpError::NotBegun { .. }),
        "no worker ever ran: {never}"
    );
    let worker = Worker::start(&bank, bank.options());
    eventually("it has begun", async || bank.positions().await > 0).await;
    for round in 0..5 {
        ledger.fill(200).await;
        let end = wait(&bank, MINUTE).await.unwrap();
        assert_eq!((end.partitions, end.parked), (3, Some(0)), "round {round}");
        assert_eq!(
            bank.rows::<Balance>().await,
            expected(&Balances, &ledger.valid),
            "round {round}"
        );
    }
    // The half of a commit whose end never came does not count.
    let half = ledger.encode(1, "half", &[posted(1, 5), posted(1, 6)], 1);
    ledger.append(1, half).await;
    wait(&bank, MINUTE).await.unwrap();
    drop(worker);
}

#[tokio::test]
async fn one_that_does_not_come_so_far_says_where_and_why() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 82).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    ledger.commit(1, "a", &[posted(1, 5)]).await;
    let words = wait(&bank, MOMENT).await.unwrap_err().to_string();
    for part in [
        "balances version 1 does not show all events within 1.5s",
        "1 records are left, in partitions 1.",
    ] {
        assert!(words.contains(part), "{words}");
    }
    let operations = operations(&bank).await;
    operations.pause("balances", 1, true).await.unwrap();
    let _worker = Worker::start(&bank, bank.options());
    let words = wait(&bank, MOMENT).await.unwrap_err().to_string();
    assert!(words.contains("It is paused"), "{words}");
    let waits = {
        let resumed = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            operations.pause("balances", 1, false).await.unwrap();
        };
        tokio::join!(wait(&bank, MINUTE), resumed).0
    };
    waits.unwrap();
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Balances, &ledger.valid)
    );
}

#[tokio::test]
async fn events_that_are_parked_are_told() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 83).await;
    let parking = |options| Options {
        failure: FailurePolicy::PARK,
        ..options
    };
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let _worker = Worker::start(&bank, parking(bank.options()));
    eventually("it has begun", async || bank.positions().await > 0).await;
    ledger.commit_newer(0, "a", &[posted(1, 5)]).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let end = wait(&bank, MINUTE).await.unwrap();
    assert_eq!(end.parked, Some(2), "and the one behind it");
}

/// As `docs/operations.md` grants it what a wait needs, and no look at dead letters.
#[tokio::test]
async fn a_role_that_may_not_see_letters_is_told_whether_there_ever_were_any() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 84).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let parking = || {
        bank.balances().options(Options {
            failure: FailurePolicy::PARK,
            ..bank.until_end()
        })
    };
    bank.run(parking()).await.unwrap();
    let role = format!("reader_{}", bank.schema);
    bank.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {0} TO {role}; \
         GRANT SELECT ON positions, versions, workers TO {role}",
        bank.schema
    ))
    .await;
    let url = bank.postgres();
    let (_, host) = url.split_once('@').unwrap();
    let url = format!("postgres://{role}@{host}");
    let operations = Operations::connect(&url, &bank.schema).await.unwrap();
    let log = bank.view();
    let parked = async || {
        let waited = operations.wait_for_end(&log, "balances", None, MINUTE);
        waited.await.unwrap().parked
    };
    assert_eq!(parked().await, Some(0), "none ever was");
    ledger.commit_newer(1, "a", &[posted(1, 5)]).await;
    bank.run(parking()).await.unwrap();
    assert_eq!(parked().await, None, "one was");
    assert_eq!(wait(&bank, MINUTE).await.unwrap().parked, Some(1));
}

/// A letter, and a version in the making, as workers write them down.
#[tokio::test]
async fn what_is_parked_behind_the_end_does_not_count_nor_does_a_version_in_the_making() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 85).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let parking = bank.balances().options(Options {
        failure: FailurePolicy::PARK,
        ..bank.until_end()
    });
    bank.run(parking).await.unwrap();
    let (end, topic) = (ledger.end(0).await, &bank.topic);
    bank.sql(&format!(
        "INSERT INTO dead_letters SELECT 'balances', 1, '{topic}', 0, it, it, 'a', 1, NULL, '{{}}', '', '', '', NULL, 0 \
         FROM generate_series({end} - 1, {end} + 1) AS it; \
         INSERT INTO versions SELECT projection, 2, 'building', topic, home, place, tables, shape, indexed, automatic \
         FROM versions; \
         INSERT INTO positions (projection, version, topic, partition, \"offset\", epoch, next, closed) \
         VALUES ('balances', 2, '{topic}', 0, 0, 0, 1, false)"
    ))
    .await;
    let caught_up = wait(&bank, MINUTE).await.unwrap();
    assert_eq!((caught_up.version, caught_up.parked), (1, Some(1)));
}

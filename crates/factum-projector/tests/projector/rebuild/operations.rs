//! What operators do to versions, and what they are refused.

use std::time::Duration;

use factum_projector::{FailurePolicy, Operations, Options, VersionState};
use factum_testkit::servers;

use super::{
    INDEXES, Newer, Worker, bank, live, manual, operations, options, projector,
    shows_the_live_version, traces,
};
use crate::bank::{
    BALANCE, Balance, Balances, Bank, Ledger, Proxy, connect, eventually, expected, posted, within,
};
use crate::refusals::{assert_says, words};

/// Waits until version 2 is as far as version 1, with its indexes.
pub async fn ready(bank: &Bank) {
    let query = "SELECT bool_and(indexed) AND (SELECT coalesce(sum(next) FILTER (WHERE version = 2), 0) \
                 >= coalesce(sum(next) FILTER (WHERE version = 1), 0) FROM positions) AND count(*) = 2 FROM versions";
    eventually("version 2 is ready", async || {
        bank.client.query_one(query, &[]).await.unwrap().get(0)
    })
    .await;
}

#[tokio::test]
async fn a_version_waits_for_the_operator_where_it_is_told_to() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 61).await;
    let _worker = Worker::start(&bank, projector(Newer, manual(&bank)), bank.postgres());
    ready(&bank).await;
    let operations = operations(&bank).await;
    assert_eq!(live(&bank).await, 1);
    shows_the_live_version(&bank, &ledger).await;
    operations.rebuild("balances", 2).await.unwrap();
    eventually("version 2 is live", async || live(&bank).await == 2).await;
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn a_cancelled_version_leaves_its_number_and_does_not_come_back() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 62).await;
    let worker = Worker::start(&bank, projector(Newer, manual(&bank)), bank.postgres());
    ready(&bank).await;
    let operations = operations(&bank).await;
    operations.cancel("balances", 2).await.unwrap();
    let told = worker.error().await;
    assert!(
        told.contains("was cancelled") || told.contains("is gone from"),
        "{told}"
    );
    assert_eq!(traces(&bank, 2).await, 1, "its number");
    shows_the_live_version(&bank, &ledger).await;
    let again = Worker::start(&bank, projector(Newer, manual(&bank)), bank.postgres());
    assert_says(
        &again.error().await,
        &["version 2 was cancelled", "rebuild balances"],
    );
    // What the error tells to do begins with finding the version.
    let listed = operations.list().await.unwrap();
    let listed = listed
        .iter()
        .map(|it| (it.version, it.state, it.partitions));
    let listed: Vec<_> = listed.collect();
    let (live_one, cancelled) = (Some(VersionState::Live), Some(VersionState::Cancelled));
    assert_eq!(listed, [(1, live_one, 2), (2, cancelled, 0)]);
    operations.rebuild("balances", 2).await.unwrap();
    assert_eq!(operations.list().await.unwrap().len(), 1, "it may begin");
    let _again = Worker::start(&bank, projector(Newer, options(&bank)), bank.postgres());
    eventually("version 2 is live", async || live(&bank).await == 2).await;
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn an_old_version_is_dropped_whole_and_its_code_refused() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 63).await;
    let operations = operations(&bank).await;
    bank.run(projector(Newer, bank.until_end())).await.unwrap();
    assert_eq!(live(&bank).await, 2);
    let error = words(operations.drop_version("balances", 2).await.unwrap_err());
    assert_says(
        &error,
        &["balances version 2 cannot be dropped: it is live"],
    );
    let error = words(operations.cancel("balances", 1).await.unwrap_err());
    assert_says(&error, &["balances version 1 cannot be cancelled: it was"]);
    let error = words(operations.rebuild("balances", 1).await.unwrap_err());
    assert_says(&error, &["it was live before", "switch balances --to 1"]);
    operations.drop_version("balances", 1).await.unwrap();
    assert_eq!(traces(&bank, 1).await, 0);
    shows_the_live_version(&bank, &ledger).await;
    let old = Worker::start(&bank, projector(Balances, options(&bank)), bank.postgres());
    assert_says(
        &old.error().await,
        &["version 1 is not known", "version 2 is live"],
    );
    operations.drop_version("balances", 2).await.unwrap();
    assert_eq!(traces(&bank, 2).await, 0);
    let gone = "SELECT to_regclass('balance') IS NULL";
    assert!(
        bank.client
            .query_one(gone, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
    );
}

#[tokio::test]
async fn a_version_goes_with_its_dead_letters() {
    let (bank, _) = bank(&servers::postgres(), 20, 68).await;
    let park = |options| Options {
        failure: FailurePolicy::PARK,
        ..options
    };
    let newer = projector(
        Newer,
        park(Options {
            switch: factum_projector::Switch::Manual,
            ..bank.until_end()
        }),
    );
    bank.run(newer).await.unwrap();
    bank.sql(
        "INSERT INTO dead_letters SELECT 'balances', version, 't', 0, 1, 1, 'a', 1, NULL, '{}', '', '', '', NULL, 0 \
         FROM generate_series(1, 2) AS version",
    )
    .await;
    let operations = operations(&bank).await;
    let versions = async || operations.parked_versions("balances").await.unwrap();
    assert_eq!(versions().await, [1, 2]);
    operations.cancel("balances", 2).await.unwrap();
    assert_eq!(versions().await, [1], "the other's stay");
    operations.drop_version("balances", 2).await.unwrap();
    operations.drop_version("balances", 1).await.unwrap();
    assert_eq!(versions().await, [0; 0]);
}

#[tokio::test]
async fn a_version_that_is_behind_is_not_switched_to() {
    let (bank, mut ledger) = bank(&servers::postgres(), 100, 64).await;
    bank.run(projector(Newer, bank.until_end())).await.unwrap();
    ledger.commit(0, "late", &[posted(1, 5)]).await;
    bank.run(projector(Newer, bank.until_end())).await.unwrap();
    let operations = operations(&bank).await;
    let error = words(operations.switch("balances", 1).await.unwrap_err());
    assert_says(&error, &["balances version 1 is 1 events behind version 2"]);
    shows_the_live_version(&bank, &ledger).await;
    let error = words(operations.switch("balances", 7).await.unwrap_err());
    assert_says(&error, &["there is no balances version 7"]);
}

#[tokio::test]
async fn a_schema_that_somebody_else_made_is_not_taken_for_a_version_s_own() {
    let (bank, ledger) = bank(&servers::postgres(), 20, 70).await;
    let home = &bank.schema;
    bank.sql(&format!(
        "CREATE SCHEMA {home}_balances_v2; CREATE TABLE {home}_balances_v2.precious (it text)"
    ))
    .await;
    let worker = Worker::start(&bank, projector(Newer, options(&bank)), bank.postgres());
    assert_says(&worker.error().await, &["balances_v2 is there already"]);
    bank.sql(&format!("DROP TABLE {home}_balances_v2.precious"))
        .await;
    let _worker = Worker::start(&bank, projector(Newer, options(&bank)), bank.postgres());
    eventually("version 2 is live", async || live(&bank).await == 2).await;
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn a_version_with_dead_letters_is_not_switched_to() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 69).await;
    let parking = Options {
        failure: FailurePolicy::PARK,
        ..manual(&bank)
    };
    let _worker = Worker::start(&bank, projector(Newer, parking), bank.postgres());
    ready(&bank).await;
    let letter = "INSERT INTO dead_letters VALUES ('balances', 2, 't', 0, 1, 1, 'a', 1, NULL, '{}', '', '', '', NULL, 0)";
    bank.sql(&letter.replace("'t'", &format!("'{}'", bank.topic)))
        .await;
    let operations = operations(&bank).await;
    let error = words(operations.switch("balances", 2).await.unwrap_err());
    assert_says(
        &error,
        &[
            "balances version 2",
            "1 events are parked that version 1 shows",
        ],
    );
    bank.sql("UPDATE dead_letters SET version = 1; INSERT INTO dead_letters SELECT projection, 2, topic, partition, \
              sequence, \"offset\", aggregate, aggregate_version, event, keys, record_key, record_header, record_value, \
              error, attempts FROM dead_letters")
        .await;
    operations.rebuild("balances", 2).await.unwrap();
    eventually("version 2 is live", async || live(&bank).await == 2).await;
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn a_view_in_use_is_waited_for_without_keeping_others_from_reading() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 65).await;
    let reader = connect(&bank.postgres()).await;
    let begin = "BEGIN; SELECT count(*) FROM balance";
    reader.batch_execute(begin).await.unwrap();
    let _worker = Worker::start(&bank, projector(Newer, manual(&bank)), bank.postgres());
    ready(&bank).await;
    let operations = operations(&bank).await;
    let error = words(operations.switch("balances", 2).await.unwrap_err());
    assert_says(
        &error,
        &[
            "balances version 2 cannot be switched to now",
            "somebody uses",
        ],
    );
    operations.rebuild("balances", 2).await.unwrap();
    for _ in 0..20 {
        let read = bank.client.query("SELECT * FROM balance", &[]);
        let read = tokio::time::timeout(Duration::from_secs(10), read).await;
        assert_eq!(
            read.unwrap().unwrap().len(),
            expected(&Balances, &ledger.valid).len()
        );
    }
    assert_eq!(live(&bank).await, 1);
    reader.batch_execute("COMMIT").await.unwrap();
    eventually("version 2 is live", async || live(&bank).await == 2).await;
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn what_stands_on_the_table_itself_is_not_left_behind() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 66).await;
    bank.sql("CREATE VIEW rich AS SELECT * FROM balance WHERE balance > 0")
        .await;
    let refused = bank
        .run(projector(Newer, bank.until_end()))
        .await
        .unwrap_err();
    assert_says(
        &words(refused),
        &[
            "balances version 2 cannot be switched to: view rich stands on the table",
            "go on showing version 1: drop what does",
        ],
    );
    let operations = operations(&bank).await;
    operations.cancel("balances", 2).await.unwrap();
    let error = words(operations.drop_version("balances", 1).await.unwrap_err());
    assert_says(
        &error,
        &["balances version 1 cannot be dropped: it is live"],
    );
    operations.drop_version("balances", 2).await.unwrap();
    let error = words(operations.drop_version("balances", 1).await.unwrap_err());
    assert_says(
        &error,
        &["balances version 1 cannot be dropped: view rich stands on its table"],
    );
    assert_eq!(live(&bank).await, 1);
    shows_the_live_version(&bank, &ledger).await;
    bank.sql("DROP VIEW rich").await;
    bank.run(projector(Newer, bank.until_end())).await.unwrap();
    assert_eq!(live(&bank).await, 2);
}

#[tokio::test]
async fn rows_that_change_without_a_new_version_are_refused() {
    let (bank, _ledger) = bank(&servers::postgres(), 10, 67).await;
    bank.sql("UPDATE versions SET shape = replace(shape, 'digest int8', 'digest int4')")
        .await;
    let refused = bank
        .run(projector(Balances, bank.until_end()))
        .await
        .unwrap_err();
    assert_says(
        &words(refused),
        &["its version has not", "digest int4", "Raise `VERSION`"],
    );
}

#[tokio::test]
async fn a_step_that_fails_changes_nothing_and_succeeds_once_it_can() {
    let (bank, ledger) = bank(&servers::postgres(), 100, 68).await;
    let wrong = factum_projector::Projector::new(Newer)
        .table(BALANCE)
        .indexes(format!("{INDEXES}; CREATE INDEX ON nowhere (x)"))
        .options(options(&bank));
    let worker = Worker::start(&bank, wrong, bank.postgres());
    eventually("the failure is told", async || {
        let failure = "SELECT failure FROM versions WHERE version = 2";
        let row = bank.client.query_opt(failure, &[]).await.unwrap();
        let failure: Option<String> = row.and_then(|row| row.get(0));
        failure.is_some_and(|it| it.contains("build the indexes") && it.contains("nowhere"))
    })
    .await;
    assert_eq!(live(&bank).await, 1);
    shows_the_live_version(&bank, &ledger).await;
    drop(worker);
    bank.run(projector(Newer, bank.until_end())).await.unwrap();
    assert_eq!(live(&bank).await, 2);
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn a_paused_version_commits_nothing_until_it_goes_on() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 69).await;
    let _workers = [0, 1].map(|_| {
        let url = bank.postgres();
        Worker::start(&bank, projector(Balances, options(&bank)), url)
    });
    let operations = operations(&bank).await;
    ledger.fill(100).await;
    eventually("it has begun", async || bank.positions().await > 0).await;
    for round in 0..5 {
        ledger.fill(300).await;
        operations.pause("balances", 1, true).await.unwrap();
        let (then, rows) = (bank.positions().await, bank.rows::<Balance>().await);
        ledger.commit(round % 2, "meanwhile", &[posted(1, 1)]).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(bank.positions().await, then, "round {round}");
        assert_eq!(bank.rows::<Balance>().await, rows);
        operations.pause("balances", 1, false).await.unwrap();
        let end = ledger.records().await;
        eventually("it goes on", async || bank.positions().await == end).await;
        shows_the_live_version(&bank, &ledger).await;
    }
    let error = words(operations.pause("balances", 7, true).await.unwrap_err());
    assert_says(&error, &["there is no balances version 7"]);
}

/// It has nothing to write, so it does not meet the mark on the positions.
#[tokio::test]
async fn an_idle_worker_says_that_it_is_paused() {
    let (bank, mut ledger) = bank(&servers::postgres(), 10, 73).await;
    let options = options(&bank);
    let components = options.components.clone();
    let _worker = Worker::start(&bank, projector(Balances, options), bank.postgres());
    let operations = operations(&bank).await;
    let says = async |phase: &str| {
        eventually(&format!("it says {phase}"), async || {
            let all = components.all();
            let Some(worker) = all.first() else {
                return false;
            };
            let (status, metrics) = (worker.status(), worker.metrics());
            let metric = metrics
                .iter()
                .find(|it| it.name() == "factum_projector_paused");
            let metric = metric.expect("there is one").get_metric()[0]
                .get_gauge()
                .get_value();
            let owns = status["owned"].as_array().is_some_and(|it| it.len() == 2);
            owns && status["phase"] == phase && metric == f64::from(phase == "paused")
        })
        .await;
    };
    says("projecting").await;
    operations.pause("balances", 1, true).await.unwrap();
    says("paused").await;
    eventually("operators are told", async || {
        let told = operations.status().await.unwrap();
        told.iter()
            .all(|it| it.worker.as_ref().is_some_and(|it| it.ends_with(" paused")))
    })
    .await;
    let then = bank.positions().await;
    ledger.commit(0, "meanwhile", &[posted(1, 1)]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bank.positions().await, then);
    operations.pause("balances", 1, false).await.unwrap();
    says("projecting").await;
    let end = ledger.records().await;
    eventually("it goes on", async || bank.positions().await == end).await;
    shows_the_live_version(&bank, &ledger).await;
}

#[tokio::test]
async fn the_live_version_is_held_while_readers_are_led_away_from_it() {
    let (bank, mut ledger) = bank(&servers::postgres(), 100, 70).await;
    bank.run(projector(
        Newer,
        Options {
            until_end: true,
            ..manual(&bank)
        },
    ))
    .await
    .unwrap();
    let _first = Worker::start(&bank, projector(Balances, options(&bank)), bank.postgres());
    let proxy = Proxy::start(&bank.postgres()).await;
    let url = proxy.through(&bank.postgres());
    let operations = Operations::connect(&url, &bank.schema).await.unwrap();
    proxy.freeze_at(b"SET SCHEMA");
    let switch = tokio::spawn(async move { operations.switch("balances", 2).await });
    within(60, proxy.frozen()).await;
    ledger.commit(0, "late", &[posted(1, 5)]).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ahead = "SELECT sum(next) FILTER (WHERE version = 1) > sum(next) FILTER (WHERE version = 2) FROM positions";
    let ahead = bank.client.query_one(ahead, &[]).await.unwrap();
    assert!(!ahead.get::<_, bool>(0), "readers would go back");
    proxy.thaw();
    within(60, switch).await.unwrap().unwrap();
    assert_eq!(live(&bank).await, 2);
}

#[tokio::test]
async fn the_status_of_a_partition_is_told_by_its_worker() {
    let (bank, mut ledger) = bank(&servers::postgres(), 50, 71).await;
    let quick = Options {
        progress_interval: Duration::from_millis(50),
        ..options(&bank)
    };
    let _worker = Worker::start(&bank, projector(Balances, quick), bank.postgres());
    let operations = operations(&bank).await;
    ledger.fill(50).await;
    let ends = [ledger.end(0).await, ledger.end(1).await];
    eventually("all of it is told", async || {
        // Whatever an operator does makes workers look.
        operations.rebuild("balances", 1).await.unwrap();
        let status = operations.status().await.unwrap();
        let known = status.iter().filter(|it| {
            let end = ends[it.partition as usize];
            let told = it.end == Some(end) && it.lag == Some(0) && it.lag_seconds == Some(0);
            told && it.worker.is_some() && it.per_second.is_some() && it.offset == end
        });
        known.count() == 2
    })
    .await;
}

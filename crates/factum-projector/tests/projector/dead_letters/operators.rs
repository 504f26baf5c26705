//! What operators do to letters, beside a worker that runs.

use factum_projector::{LetterFilter, Operations};

use super::*;
use crate::bank::{Proxy, eventually, posted, within};
use crate::refusals::{assert_says, words};

/// A worker has parked a letter and is about to park another behind it: whoever discarded the first one now would
/// leave the second behind nothing.
#[tokio::test]
async fn nothing_is_discarded_in_the_middle_of_a_worker_s_transaction() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 71).await;
    ledger.commit(0, "a", &[posted(1, POISON)]).await;
    project(&bank, Build::FIRST).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let url = proxy.through(&bank.postgres());
    let options = Options {
        until_end: false,
        ..parking(&bank)
    };
    let projector = Projector::new(Build::FIRST).table(BALANCE).options(options);
    let log = std::sync::Arc::new(bank.view());
    let worker = tokio::spawn(async move {
        let run = projector.run(log, &url, std::future::pending());
        run.await.unwrap();
    });
    proxy.freeze_at(b".dead_letters (projection");
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    within(60, proxy.frozen()).await;
    let operations = Operations::connect(&bank.postgres(), &bank.schema).await;
    let (operations, all) = (operations.unwrap(), LetterFilter::default());
    let error = operations.discard("balances", 1, &all).await.unwrap_err();
    assert_says(
        &words(error),
        &["balances version 1 are in use", "try again"],
    );
    assert_eq!(letters(&bank).await.len(), 1, "nothing is discarded");
    proxy.thaw();
    eventually("the next one is parked", async || {
        letters(&bank).await.len() == 2
    })
    .await;
    let plan = operations.plan_discard("balances", 1, &all).await.unwrap();
    let done = operations.discard("balances", 1, &all).await.unwrap();
    assert_eq!((done.letters, done.keys, done.behind), (2, 1, 0));
    assert_eq!(plan, done);
    ledger.commit(0, "a", &[posted(1, 7)]).await;
    eventually("later events are applied", async || {
        let rows = bank.rows::<Balance>().await;
        rows.first().is_some_and(|row| row.balance == 7)
    })
    .await;
    assert_eq!(letters(&bank).await, []);
    worker.abort();
}

/// The error tells how to project all events again by hand. Letters of the first life would be applied a second time.
/// A table of positions that an earlier build made says nothing of what was parked, nor of pauses.
#[tokio::test]
async fn a_table_of_positions_of_an_earlier_build_is_gone_on_from() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 65).await;
    ledger.commit(1, "a", &[posted(1, POISON)]).await;
    ledger.commit(0, "b", &[posted(1, 5)]).await;
    let first = project(&bank, Build::FIRST).await;
    bank.sql("ALTER TABLE positions DROP COLUMN parked, DROP COLUMN paused")
        .await;
    ledger.commit(1, "a", &[posted(1, 6)]).await;
    let second = project(&bank, Build::LAST).await;
    assert_eq!(
        (first.events, second.events),
        (1, 0),
        "the others are parked"
    );
    assert_parked(&bank, &ledger, &["a"]).await;
    let query = "SELECT partition, parked, paused FROM positions ORDER BY partition";
    let rows = bank.client.query(query, &[]).await.unwrap();
    let flags: Vec<(i32, bool, bool)> = rows
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    assert_eq!(flags, [(0, false, false), (1, true, false)]);
}

#[tokio::test]
async fn a_rebuild_by_hand_takes_the_letters_of_the_version_with_it() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 72).await;
    ledger
        .commit(0, "a", &[posted(1, POISON), posted(1, 5)])
        .await;
    ledger.commit(1, "b", &[posted(1, 6)]).await;
    project(&bank, Build::FIRST).await;
    assert_eq!(letters(&bank).await.len(), 2);
    let others = "INSERT INTO dead_letters SELECT projection, version + 1, topic, partition, sequence, \"offset\", \
         aggregate, aggregate_version, event, keys, record_key, record_header, record_value, error, attempts \
         FROM dead_letters";
    bank.sql(others).await;
    bank.sql("DELETE FROM balance; DELETE FROM positions").await;
    project(&bank, Build::LAST).await;
    ask(&bank, "version = 1").await;
    project(&bank, Build::LAST).await;
    let rows = bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Balances, &ledger.valid), "each event once");
    let left = "SELECT count(*) FILTER (WHERE version = 1), count(*) FROM dead_letters";
    let left = bank.client.query_one(left, &[]).await.unwrap();
    let left: (i64, i64) = (left.get(0), left.get(1));
    assert_eq!(left, (0, 2), "those of another version stay");
}

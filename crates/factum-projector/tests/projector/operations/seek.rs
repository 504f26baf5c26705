//! Events that an operator has a read model pass over.

use std::sync::Arc;

use factum_core::Recorded;
use factum_projector::{FailurePolicy, Options, Retries, SeekPartition, SeekTo, Skip};

use super::{operations, status};
use crate::bank::{Balance, Balances, Bank, Ledger, Posted, eventually, expected, posted, within};
use crate::refusals::{assert_says, refused, words};

fn of(partition: u32) -> SeekPartition<'static> {
    SeekPartition {
        projection: "balances",
        version: 1,
        topic: None,
        partition,
    }
}

async fn plan(bank: &Bank, partition: u32, to: SeekTo) -> Result<Skip, String> {
    let (operations, log) = (operations(bank).await, bank.view());
    let planned = operations.plan_seek(&log, of(partition), to).await;
    planned.map_err(words)
}

/// The valid events but some of a partition.
fn without(ledger: &Ledger, skipped: impl Fn(&Recorded<Posted>) -> bool) -> Vec<Balance> {
    let left = ledger.valid.iter().filter(|it| !skipped(it)).cloned();
    expected(&Balances, &left.collect::<Vec<_>>())
}

async fn skips(bank: &Bank) -> Vec<(i64, i64, i64, Option<String>)> {
    let query = "SELECT from_offset, to_offset, events, reason FROM skips ORDER BY id";
    let rows = bank.client.query(query, &[]).await.unwrap();
    let skip = |row: &tokio_postgres::Row| (row.get(0), row.get(1), row.get(2), row.get(3));
    rows.iter().map(skip).collect()
}

#[tokio::test]
async fn a_broken_event_is_passed_over_and_everything_else_is_shown() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 91).await;
    ledger.fill(60).await;
    let until_end = || bank.balances().options(bank.until_end());
    bank.run(until_end()).await.unwrap();
    let broken = ledger.end(1).await;
    ledger.commit_newer(1, "broken", &[posted(1, 5)]).await;
    ledger.fill(60).await;
    let told = refused(&bank, until_end()).await;
    assert_says(&told, &[&format!("partition 1 offset {broken}")]);

    // The worker has come up to it. A plan changes nothing.
    let planned = plan(&bank, 1, SeekTo::Offset(broken + 1)).await.unwrap();
    assert_eq!(
        (planned.from, planned.to, planned.events),
        (broken, broken + 1, 1)
    );
    assert_eq!(planned.first[0].id, "broken");
    refused(&bank, until_end()).await;
    let first = plan(&bank, 1, SeekTo::Offset(broken + 1)).await.unwrap();
    let operations = operations(&bank).await;
    let skipped = operations.skip(&first, Some("a test")).await.unwrap();
    assert_eq!(skipped, first);
    bank.run(until_end()).await.unwrap();
    let over = |it: &Recorded<Posted>| {
        it.partition == 1 && (skipped.from..skipped.to).contains(&it.offset)
    };
    assert_eq!(bank.rows::<Balance>().await, without(&ledger, over));
    let written = (
        skipped.from as i64,
        skipped.to as i64,
        skipped.events as i64,
    );
    let (from, to, events) = written;
    assert_eq!(
        skips(&bank).await,
        [(from, to, events, Some("a test".into()))]
    );
    let [other, this] = status(&bank).await.try_into().unwrap();
    assert_eq!(
        (other.skipped, this.skipped),
        (Some(0), Some(skipped.events))
    );
    assert_eq!(this.failure, None, "it has got past it");
    let error = words(operations.skip(&first, None).await.unwrap_err());
    assert_says(&error, &["Nothing is moved back"]);
}

#[tokio::test]
async fn commits_are_passed_over_whole() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 92).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let three = [posted(1, 1), posted(1, 2), posted(1, 3)];
    ledger.commit(0, "a", &three).await; // offsets 1 to 3
    ledger.torn(0).await; // 4, and 5 is a claim
    ledger.zombie(0).await; // 6
    ledger.commit(0, "b", &three).await; // 7 to 9
    let to = async |to| plan(&bank, 0, to).await.map(|it| (it.to, it.events));
    for offset in 2..=4 {
        assert_eq!(to(SeekTo::Offset(offset)).await, Ok((4, 3)), "{offset}");
    }
    assert_eq!(to(SeekTo::Offset(5)).await, Ok((6, 3)));
    assert_eq!(to(SeekTo::Offset(8)).await, Ok((10, 6)));
    assert_eq!(to(SeekTo::End).await, Ok((10, 6)));
    let time = |sequence: usize| ledger.valid[sequence - 1].time;
    // By the event of a commit that comes first in time: behind void records.
    assert_eq!(to(SeekTo::Time(time(4))).await, Ok((7, 3)));
    assert_eq!(to(SeekTo::Time(time(5))).await, Ok((7, 3)));
    assert_says(
        &to(SeekTo::Time(time(1))).await.unwrap_err(),
        &["nothing to pass over", "its position, 1,"],
    );
    assert_says(
        &to(SeekTo::Offset(11)).await.unwrap_err(),
        &["ends at offset 10, before 11"],
    );
    let told = to(SeekTo::Offset(0)).await.unwrap_err();
    assert_says(&told, &["is 1:", "twice", "VERSION"]);
    let told = to(SeekTo::Offset(1)).await.unwrap_err();
    assert_says(&told, &["nothing to pass over in partition 0"]);
    let told = plan(&bank, 7, SeekTo::End).await.unwrap_err();
    assert_says(&told, &["version 1 has no position in partition 7"]);

    // What comes behind is judged as if all had been projected.
    let planned = plan(&bank, 0, SeekTo::Offset(7)).await.unwrap();
    operations(&bank).await.skip(&planned, None).await.unwrap();
    ledger.commit(0, "a", &three).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    let rows = without(&ledger, |it| it.offset < 7);
    assert_eq!(bank.rows::<Balance>().await, rows);
    for target in [SeekTo::End, SeekTo::Offset(ledger.end(0).await)] {
        assert_says(&to(target).await.unwrap_err(), &["nothing to pass over"]);
    }
    let half = ledger.encode(0, "half", &three, 1);
    ledger.append(0, half).await;
    assert_says(
        &to(SeekTo::End).await.unwrap_err(),
        &["nothing to pass over"],
    );
}

/// A worker that tries a broken event again for ever.
#[tokio::test]
async fn a_worker_that_runs_goes_on_behind_it() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 93).await;
    let patient = Options {
        failure: FailurePolicy::STOP.after(Retries::ForEver),
        progress_interval: std::time::Duration::from_millis(20),
        ..bank.options()
    };
    ledger.fill(40).await;
    let (projector, url) = (bank.balances().options(patient), bank.postgres());
    let log = Arc::new(bank.view());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let worker = tokio::spawn(async move { projector.run(log, &url, stopped).await });
    let all = async |ledger: &Ledger| bank.positions().await == ledger.records().await;
    eventually("all is projected", async || all(&ledger).await).await;
    let broken = ledger.end(0).await;
    ledger.commit_newer(0, "broken", &[posted(1, 5)]).await;
    ledger.fill(40).await;
    eventually("it is interrupted", async || {
        status(&bank).await.iter().any(|it| it.error.is_some())
    })
    .await;
    let operations = operations(&bank).await;
    let (log, to) = (bank.view(), SeekTo::Offset(broken + 1));
    let planned = operations.plan_seek(&log, of(0), to).await.unwrap();
    let skipped = operations.skip(&planned, None).await.unwrap();
    eventually("it goes on", async || all(&ledger).await).await;
    let over = |it: &Recorded<Posted>| {
        it.partition == 0 && (skipped.from..skipped.to).contains(&it.offset)
    };
    assert_eq!(bank.rows::<Balance>().await, without(&ledger, over));
    drop(stop);
    within(60, worker).await.unwrap().unwrap();
}

#[tokio::test]
async fn of_a_plan_only_what_is_not_projected_yet_is_passed_over() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 94).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    ledger.commit(0, "b", &[posted(1, 5)]).await;
    let planned = plan(&bank, 0, SeekTo::End).await.unwrap();
    ledger.commit(0, "c", &[posted(1, 5)]).await;
    let early = plan(&bank, 0, SeekTo::Offset(2)).await.unwrap();
    let operations = operations(&bank).await;
    operations.skip(&early, None).await.unwrap();
    let skipped = operations.skip(&planned, None).await.unwrap();
    assert_eq!((skipped.from, skipped.to, skipped.events), (2, 3, 1));
    assert_eq!(skipped.first[0].id, "b");
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    assert_eq!(
        bank.rows::<Balance>().await,
        without(&ledger, |it| it.offset < 3)
    );
    operations.drop_version("balances", 1).await.unwrap();
    assert_eq!(skips(&bank).await, []);
}

#[tokio::test]
async fn a_partition_may_be_passed_over_up_to_its_very_end() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 95).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let end = ledger.end(0).await;
    let planned = plan(&bank, 0, SeekTo::Offset(end)).await.unwrap();
    assert_eq!((planned.to, planned.events), (end, 1));
    assert_says(
        &plan(&bank, 0, SeekTo::Offset(end + 1)).await.unwrap_err(),
        &["what is yet to come is not passed over"],
    );
}

/// It is written down once, though the position stands just where the plan ends.
#[tokio::test]
async fn a_plan_is_carried_out_once() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 96).await;
    bank.run(bank.balances().options(bank.until_end()))
        .await
        .unwrap();
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let planned = plan(&bank, 0, SeekTo::End).await.unwrap();
    let operations = operations(&bank).await;
    operations.skip(&planned, None).await.unwrap();
    let again = words(operations.skip(&planned, None).await.unwrap_err());
    assert_says(&again, &["Nothing is moved back"]);
    assert_eq!(skips(&bank).await.len(), 1);
}

/// The version was dropped after the plan, and begins again: what was planned is not of its new life.
#[tokio::test]
async fn a_plan_of_a_former_life_is_refused() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 97).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let until_end = || bank.balances().options(bank.until_end());
    bank.run(until_end()).await.unwrap();
    ledger.commit(0, "b", &[posted(1, 5)]).await;
    let planned = plan(&bank, 0, SeekTo::End).await.unwrap();
    bank.sql("UPDATE positions SET identity = NULL, \"offset\" = 0, epoch = 0, next = 1")
        .await;
    let refused = words(
        operations(&bank)
            .await
            .skip(&planned, None)
            .await
            .unwrap_err(),
    );
    assert_says(&refused, &["there is no balances version 1"]);
    assert_eq!(bank.positions().await, 0, "nothing is moved");
}

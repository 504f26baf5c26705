//! Handlers name their tables themselves: those in a schema of a version's own are known to be its.

use factum_projector::{Handled, Handler, Projector, ProjectorError, Transaction};
use factum_testkit::servers;

use super::{Worker, live, manual, operations, until_end};
use crate::bank::{Bank, Ledger, Posted, eventually, posted};
use crate::refusals::{assert_says, words};
use factum_core::Recorded;

const TABLES: &str = "CREATE TABLE IF NOT EXISTS log (amount bigint NOT NULL); \
                      CREATE TABLE IF NOT EXISTS other (amount bigint NOT NULL)";

/// Writes each amount down.
#[derive(Clone, Copy, Debug)]
struct Amounts<const VERSION: u32>;

impl<const V: u32> Handler for Amounts<V> {
    type Event = Posted;
    type Error = ProjectorError;
    const NAME: &'static str = "amounts";
    const VERSION: u32 = V;

    async fn handle(
        &self,
        events: &[Recorded<Posted>],
        transaction: &Transaction<'_>,
    ) -> Result<(), ProjectorError> {
        let amounts: Vec<_> = events.iter().map(|it| it.event.amount).collect();
        let insert = "INSERT INTO log SELECT unnest($1::bigint[])";
        transaction.execute(insert, &[&amounts]).await.map(drop)
    }
}

fn amounts<const V: u32>() -> Projector<Handled<Amounts<V>>> {
    Projector::new(Amounts::<V>).table(TABLES)
}

/// A bank with a live first version, whose second one is built beside it.
async fn two_versions() -> (Bank, Ledger) {
    let bank = Bank::on(&servers::postgres()).await;
    let mut ledger = Ledger::create(&bank, 2, 85).await;
    ledger.fill(50).await;
    bank.run(amounts::<1>().options(bank.until_end()))
        .await
        .unwrap();
    let beside = until_end(manual(&bank));
    bank.run(amounts::<2>().options(beside)).await.unwrap();
    assert_eq!(live(&bank).await, 1);
    (bank, ledger)
}

async fn rows(bank: &Bank, schema: &str) -> i64 {
    let count = format!("SELECT count(*) FROM {schema}.log");
    bank.client.query_one(&count, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_table_that_is_dropped_ends_the_worker_and_readers_table_is_not_written_to() {
    let (bank, mut ledger) = two_versions().await;
    let (own, written) = (own(&bank), ledger.valid.len() as i64);
    assert_eq!(rows(&bank, &own).await, written);
    let worker = Worker::start(
        &bank,
        amounts::<2>().options(manual(&bank)),
        bank.postgres(),
    );
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    eventually("it runs", async || rows(&bank, &own).await == written + 1).await;
    bank.sql(&format!("DROP TABLE {own}.log")).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let gone = ["table log of projection amounts version 2 is gone"];
    assert_says(&worker.error().await, &gone);
    assert_eq!(rows(&bank, &bank.schema).await, written, "readers' table");
}

#[tokio::test]
async fn what_is_bound_to_a_handlers_table_is_not_left_behind() {
    let (bank, _) = two_versions().await;
    let (own, operations) = (own(&bank), operations(&bank).await);
    let refused = async |because: &[&str]| {
        let error = operations.switch("amounts", 2).await.unwrap_err();
        assert_says(&words(error), because);
        assert_eq!(live(&bank).await, 1);
    };
    bank.sql(&format!(
        "ALTER TABLE {own}.other ENABLE ROW LEVEL SECURITY"
    ))
    .await;
    refused(&["amounts_v2\".\"other\" has row-level security"]).await;
    bank.sql(&format!(
        "ALTER TABLE {own}.other DISABLE ROW LEVEL SECURITY"
    ))
    .await;
    refused(&["\"log\" is there already, and is no view"]).await;
    let moved = format!("{}_amounts_v1", bank.schema);
    bank.sql(&format!(
        "CREATE SCHEMA {moved}; ALTER TABLE log SET SCHEMA {moved}; ALTER TABLE other SET SCHEMA {moved}"
    ))
    .await;
    operations.switch("amounts", 2).await.unwrap();
    assert_eq!(live(&bank).await, 2);
    assert_eq!(rows(&bank, &bank.schema).await, rows(&bank, &own).await);
}

fn own(bank: &Bank) -> String {
    format!("{}_amounts_v2", bank.schema)
}

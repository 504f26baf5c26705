//! Handlers: what they do takes effect once, with the positions; what they may not do is refused.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use factum_core::Recorded;
use factum_projector::{
    FailurePolicy, Handled, Handler, Options, Projector, ProjectorError, Row, Transaction,
};

use crate::bank::{Bank, Ledger, Posted, Proxy, When, connect, eventually, posted, within};
use crate::exact::crashes;
use crate::refusals::{assert_says, refused};
use crate::takeover::{Worker, zombie_of};

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS branch (branch integer PRIMARY KEY, amount bigint NOT NULL, postings bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS large (partition integer, sequence bigint, amount bigint NOT NULL)";

/// A large posting.
#[derive(Debug, PartialEq, Row)]
#[row(table = "large")]
struct Large {
    partition: Option<i32>,
    sequence: Option<i64>,
    amount: i64,
}

/// Sums for each branch by an upsert, and copies of the large postings.
#[derive(Clone, Copy, Debug)]
struct Branches;

impl Handler for Branches {
    type Event = Posted;
    type Error = ProjectorError;
    const NAME: &'static str = "branches";

    async fn handle(
        &self,
        events: &[Recorded<Posted>],
        transaction: &Transaction<'_>,
    ) -> Result<(), ProjectorError> {
        let (branches, amounts): (Vec<_>, Vec<_>) = events
            .iter()
            .map(|event| (event.event.branch, event.event.amount))
            .unzip();
        let upsert = "INSERT INTO branch \
             SELECT branch, sum(amount)::bigint, count(*) FROM unnest($1::integer[], $2::bigint[]) AS p (branch, amount) \
             GROUP BY branch ORDER BY branch \
             ON CONFLICT (branch) DO UPDATE SET amount = branch.amount + EXCLUDED.amount, \
             postings = branch.postings + EXCLUDED.postings";
        transaction.execute(upsert, &[&branches, &amounts]).await?;
        transaction.copy(&large(events)).await
    }
}

fn large(events: &[Recorded<Posted>]) -> Vec<Large> {
    let large = events.iter().filter(|event| event.event.amount > 900);
    let row = |event: &Recorded<Posted>| Large {
        partition: Some(event.partition as i32),
        sequence: Some(event.sequence as i64),
        amount: event.event.amount,
    };
    large.map(row).collect()
}

fn branches() -> Projector<Handled<Branches>> {
    Projector::new(Branches).table(TABLES)
}

/// What the tables hold: branches with amounts and postings, and large postings.
async fn found(bank: &Bank) -> (Vec<(i32, i64, i64)>, Vec<Large>) {
    let query = "SELECT branch, amount, postings FROM branch ORDER BY branch";
    let rows = bank.client.query(query, &[]).await.unwrap();
    let sums = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2)));
    let query = "SELECT partition, sequence, amount FROM large ORDER BY partition, sequence";
    let rows = bank.client.query(query, &[]).await.unwrap();
    let large = rows.iter().map(|row| Large::read(row).unwrap());
    (sums.collect(), large.collect())
}

fn expected(ledger: &Ledger) -> (Vec<(i32, i64, i64)>, Vec<Large>) {
    let mut sums = std::collections::BTreeMap::new();
    for event in &ledger.valid {
        let sum: &mut (i64, i64) = sums.entry(event.event.branch).or_default();
        *sum = (sum.0 + event.event.amount, sum.1 + 1);
    }
    let mut large = large(&ledger.valid);
    large.sort_by_key(|row| (row.partition, row.sequence));
    let sums = sums.into_iter();
    let sums = sums.map(|(branch, (amount, postings))| (branch, amount, postings));
    (sums.collect(), large)
}

async fn caught_up(bank: &Bank, ledger: &Ledger) {
    let end = ledger.records().await;
    eventually("all is projected", async || bank.positions().await == end).await;
    assert_eq!(found(bank).await, expected(ledger));
}

#[tokio::test]
async fn what_a_handler_writes_is_there_once() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 3, 41).await;
    for commits in [2000, 0, 300] {
        ledger.fill(commits).await;
        let summary = bank
            .run(branches().options(bank.until_end()))
            .await
            .unwrap();
        assert_eq!(summary.rows == 0, commits == 0, "rows are counted");
        assert_eq!(found(&bank).await, expected(&ledger));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handlers_survive_crashes() {
    for (seed, workers) in [(40, 1), (41, 3), (42, 3)] {
        let (bank, ledger) = crashes(seed, workers, branches()).await;
        assert_eq!(found(&bank).await, expected(&ledger), "seed {seed}");
    }
}

#[tokio::test]
async fn a_zombie_in_mid_handler_changes_nothing() {
    zombie_of(b"PGCOPY", branches(), caught_up).await;
}

#[tokio::test]
async fn a_zombie_whose_handler_was_about_to_be_committed_changes_nothing() {
    zombie_of(b"COMMIT", branches(), caught_up).await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_handler_costs_and_doubles_nothing() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 43).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let worker = Worker::of(
        branches(),
        &bank,
        bank.view(),
        proxy.through(&bank.postgres()),
    );
    for (at, when) in [
        (&b"PGCOPY"[..], When::Before),
        (b"PGCOPY", When::After),
        (b"COMMIT", When::Before),
        (b"COMMIT", When::After),
    ] {
        proxy.cut_at(at, when);
        ledger.fill(300).await;
        within(60, proxy.cut()).await;
        caught_up(&bank, &ledger).await;
    }
    worker.stop().await;
}

/// Why [`Script`] fails.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("the till is locked")]
    Till(#[source] std::num::ParseIntError),
    /// Hides which call failed.
    #[error("something went wrong")]
    Hidden,
}

/// Sends a statement, and hides how that ended or goes on as if nothing had happened.
#[derive(Clone, Debug)]
struct Script {
    statement: &'static str,
    swallows: bool,
    calls: Arc<AtomicU32>,
    seen: Arc<Mutex<Vec<u64>>>,
}

impl Handler for Script {
    type Event = Posted;
    type Error = Failed;
    const NAME: &'static str = "script";

    async fn handle(
        &self,
        events: &[Recorded<Posted>],
        transaction: &Transaction<'_>,
    ) -> Result<(), Failed> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.statement.is_empty() {
            return "x".parse::<i32>().map(drop).map_err(Failed::Till);
        }
        let note = "INSERT INTO large (amount) VALUES ($1)";
        for event in events {
            let amount = event.event.amount;
            transaction
                .execute(note, &[&amount])
                .await
                .map_err(|_| Failed::Hidden)?;
        }
        let sent = transaction.query(self.statement, &[]).await;
        match sent {
            Err(_) if !self.swallows => Err(Failed::Hidden),
            _ => {
                let sequences = events.iter().map(|event| event.sequence);
                self.seen.lock().unwrap().extend(sequences);
                Ok(())
            }
        }
    }
}

fn script(statement: &'static str, swallows: bool) -> Script {
    Script {
        statement,
        swallows,
        calls: Arc::default(),
        seen: Arc::default(),
    }
}

/// Runs a script on one event until it gives up, and checks that it has left nothing.
async fn gives_up(script: &Script) -> String {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 44).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let projector = Projector::new(script.clone()).table(TABLES);
    let error = refused(&bank, projector.options(bank.until_end())).await;
    assert_eq!(bank.positions().await, 0);
    assert!(found(&bank).await.1.is_empty(), "{error}");
    error
}

#[tokio::test]
async fn an_error_of_a_handler_stops_the_worker_with_its_causes() {
    let script = script("", false);
    let error = gives_up(&script).await;
    let place =
        "the handler of script failed on 1 events, the first of them in partition 0 at offset 1";
    assert_says(&error, &[place, "the till is locked", "invalid digit"]);
    assert_eq!(
        script.calls.load(Ordering::SeqCst),
        1,
        "it is not tried again"
    );
}

/// What a handler writes is its own, whenever it is checked: a worker that parks stops, too, with the batch's place.
#[tokio::test]
async fn a_constraint_that_is_checked_at_the_end_is_the_handlers_fault() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 47).await;
    bank.sql(TABLES).await;
    bank.sql(
        "CREATE TABLE allowed (amount bigint PRIMARY KEY); \
         ALTER TABLE large ADD FOREIGN KEY (amount) REFERENCES allowed DEFERRABLE INITIALLY DEFERRED",
    )
    .await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let options = Options {
        failure: FailurePolicy::PARK,
        ..bank.until_end()
    };
    let script = script("SELECT 1", false);
    let projector = Projector::new(script.clone()).table(TABLES);
    let error = refused(&bank, projector.options(options)).await;
    let said = [
        "the handler of script failed on 1 events, the first of them in partition 0 at offset 1",
        "cannot commit a transaction",
        "foreign key",
    ];
    assert_says(&error, &said);
    assert_eq!(bank.positions().await, 0);
    let parked = "SELECT count(*) FROM dead_letters";
    let parked = bank.client.query_one(parked, &[]).await.unwrap();
    assert_eq!(parked.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn statements_that_would_end_the_transaction_are_refused() {
    for statement in [
        "COMMIT",
        "; /* so */ rollback",
        "-- so\nEND",
        "BEGIN",
        "SAVEPOINT a",
        "PREPARE TRANSACTION 'a'",
        "COPY large FROM STDIN",
    ] {
        for swallows in [false, true] {
            let script = script(statement, swallows);
            let error = gives_up(&script).await;
            let says = if swallows {
                "it went on"
            } else {
                "something went wrong"
            };
            assert_says(&error, &["the handler of script failed", says]);
            assert_eq!(script.calls.load(Ordering::SeqCst), 1, "{statement}");
        }
    }
}

/// Postgres itself keeps these from ending the transaction.
#[tokio::test]
async fn a_block_or_a_second_statement_cannot_end_the_transaction() {
    for statement in [
        "DO $$ BEGIN COMMIT; END $$",
        "SELECT 1; COMMIT",
        "VACUUM",
        "DISCARD ALL",
    ] {
        for swallows in [false, true] {
            gives_up(&script(statement, swallows)).await;
        }
    }
}

#[tokio::test]
async fn what_the_wrapper_refuses_is_told_with_the_statement() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 45).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    let projector = Projector::new(Careless).options(bank.until_end());
    let error = refused(&bank, projector).await;
    assert_says(
        &error,
        &["`COMMIT` is refused", "the transaction is the worker's"],
    );
}

/// Believes that it has to commit.
struct Careless;

impl Handler for Careless {
    type Event = Posted;
    type Error = ProjectorError;
    const NAME: &'static str = "careless";

    async fn handle(
        &self,
        _: &[Recorded<Posted>],
        transaction: &Transaction<'_>,
    ) -> Result<(), ProjectorError> {
        transaction.execute("COMMIT", &[]).await.map(drop)
    }
}

/// The connection is lost in the handler, which hides that, or says nothing at all of it.
#[tokio::test]
async fn a_handler_is_called_again_if_the_connection_was_to_blame() {
    for swallows in [false, true] {
        let bank = Bank::new().await;
        let mut ledger = Ledger::create(&bank, 1, 46).await;
        ledger.commit(0, "a", &[posted(1, 5)]).await;
        let once = "SELECT pg_terminate_backend(pg_backend_pid()) FROM life WHERE nextval('life_id_seq') = 1";
        bank.sql("CREATE TABLE life (id serial); INSERT INTO life VALUES (0)")
            .await;
        let script = script(once, swallows);
        let projector = Projector::new(script.clone()).table(TABLES);
        bank.run(projector.options(bank.until_end())).await.unwrap();
        assert_eq!(script.calls.load(Ordering::SeqCst), 2);
        assert_eq!(found(&bank).await.1.len(), 1, "it counts once");
    }
}

/// Another transaction holds what the handler wants, for longer than the server waits.
#[tokio::test]
async fn a_handler_is_called_again_if_anothers_lock_was_in_the_way() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 47).await;
    ledger.commit(0, "a", &[posted(1, 5)]).await;
    bank.sql(TABLES).await;
    let stranger = connect(&bank.postgres()).await;
    stranger
        .batch_execute("BEGIN; LOCK TABLE branch")
        .await
        .unwrap();
    let script = script("SELECT FROM branch", false);
    let url = bank.postgres() + "%20-c%20lock_timeout%3D30ms";
    let projector = Projector::new(script.clone());
    let worker = Worker::of(projector, &bank, bank.view(), url);
    let calls = || script.calls.load(Ordering::SeqCst);
    eventually("it is called again", async || calls() >= 3).await;
    stranger.batch_execute("COMMIT").await.unwrap();
    let end = ledger.records().await;
    eventually("all is projected", async || bank.positions().await == end).await;
    assert_eq!(found(&bank).await.1.len(), 1, "it counts once");
    worker.stop().await;
}

/// A handler that succeeds late, or fails on what it was told, gets the events of a partition in order.
#[tokio::test]
async fn a_partition_is_handled_in_order() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 48).await;
    ledger.fill(300).await;
    let script = script("SELECT 1", false);
    let projector = Projector::new(script.clone()).table(TABLES);
    bank.run(projector.options(bank.until_end())).await.unwrap();
    let expected: Vec<_> = ledger.valid.iter().map(|event| event.sequence).collect();
    assert_eq!(*script.seen.lock().unwrap(), expected);
}

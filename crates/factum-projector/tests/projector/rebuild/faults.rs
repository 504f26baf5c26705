//! Kills at each stage of a rebuild.

use factum_testkit::servers;
use tokio::task::block_in_place;
use xtask::servers::Postgres;

use super::{Newer, Worker, bank, live, options, projector, shows_the_live_version};
use crate::bank::{Balance, Bank, Ledger, Proxy, When, eventually, expected, within};

/// The stages of a rebuild, by what is sent to Postgres there.
const STAGES: [(&str, &[u8]); 8] = [
    ("begin", b"CREATE SCHEMA"),
    ("filling", b"PGCOPY"),
    ("indexing", b"CREATE INDEX"),
    ("catching up", b"indexed = true"),
    ("before the switch", b"BEGIN; SET LOCAL lock_timeout"),
    ("in the switch, the old table", b"SET SCHEMA"),
    ("in the switch, the view", b"CREATE OR REPLACE VIEW"),
    ("after the switch", b".versions\", E'"),
];

/// Version 2 is live, whole, with its indexes, and version 1 is kept.
async fn done(bank: &Bank, ledger: &Ledger) {
    eventually("version 2 is live", async || live(bank).await == 2).await;
    let rows = bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Newer, &ledger.valid));
    let indexes = format!(
        "SELECT count(*) FROM pg_indexes WHERE indexname = 'balance_by_amount' \
         AND schemaname IN ('{0}_balances_v1', '{0}_balances_v2')",
        bank.schema
    );
    let indexes = bank.client.query_one(&indexes, &[]).await.unwrap();
    assert_eq!(indexes.get::<_, i64>(0), 2, "of either version");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_killed_at_any_stage_goes_on_where_it_was() {
    for (stage, at) in STAGES {
        for when in [When::Before, When::After] {
            eprintln!("killed {when:?} {stage}");
            let (bank, ledger) = bank(&servers::postgres(), 300, 52).await;
            let proxy = Proxy::start(&bank.postgres()).await;
            proxy.cut_at(at, when);
            let url = proxy.through(&bank.postgres());
            let worker = Worker::start(&bank, projector(Newer, options(&bank)), url);
            within(60, proxy.cut()).await;
            drop(worker);
            shows_the_live_version(&bank, &ledger).await;
            let _again = Worker::start(&bank, projector(Newer, options(&bank)), bank.postgres());
            done(&bank, &ledger).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_killed_at_any_stage_loses_nothing() {
    let files = tempfile::tempdir().unwrap();
    let server = block_in_place(|| Postgres::start(&files.path().join("postgres")));
    let mut server = server.unwrap();
    for (stage, at) in STAGES {
        eprintln!("killed at {stage}");
        let address = server.address().to_owned();
        let (mut bank, ledger) = bank(&address, 300, 53).await;
        let proxy = Proxy::start(&bank.postgres()).await;
        proxy.freeze_at(at);
        let url = proxy.through(&bank.postgres());
        let worker = Worker::start(&bank, projector(Newer, options(&bank)), url);
        within(60, proxy.frozen()).await;
        block_in_place(|| server.kill9()).unwrap();
        block_in_place(|| server.restart()).unwrap();
        bank.move_to(&address).await;
        shows_the_live_version(&bank, &ledger).await;
        proxy.thaw();
        done(&bank, &ledger).await;
        assert!(!worker.0.is_finished(), "the same worker has gone on");
    }
}

//! Connections that break at each stage of a rebuild, before Postgres hears of it or after.

use factum_testkit::servers;

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
async fn a_worker_whose_connection_breaks_at_any_stage_goes_on_where_it_was() {
    for (stage, at) in STAGES {
        for when in [When::Before, When::After] {
            eprintln!("cut {when:?} {stage}");
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

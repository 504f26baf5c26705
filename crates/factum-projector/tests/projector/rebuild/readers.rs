//! What readers see while a version is built and they are led to it, under live writes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use factum_projector::{ReadModel, ReadModelOptions};
use factum_testkit::servers;

use super::{Newer, Worker, live, operations, options, projector};
use crate::bank::{Balance, Balances, Bank, Ledger, connect, eventually, expected, posted};

const MINUTE: Duration = Duration::from_secs(60);
const ACCOUNTS: u64 = 40;

/// Whoever reads, and what they have seen.
#[derive(Default)]
struct Readers {
    done: AtomicBool,
    reads: AtomicU64,
    waits: AtomicU64,
}

impl Readers {
    /// Reads everything again and again: accounts are only added, and money only comes in.
    async fn look(&self, bank: &Bank) {
        let client = connect(&bank.postgres()).await;
        let query = "SELECT count(*), coalesce(sum(balance), 0)::bigint FROM balance";
        let prepared = client.prepare(query).await.unwrap();
        let mut seen = (ACCOUNTS as i64, 0_i64);
        while !self.done.load(Relaxed) {
            let reads = self.reads.fetch_add(1, Relaxed);
            let row = match reads % 2 {
                0 => client.query_one(query, &[]).await.unwrap(),
                _ => client.query_one(&prepared, &[]).await.unwrap(),
            };
            let now = (row.get(0), row.get(1));
            assert!(now.0 >= seen.0 && now.1 >= seen.1, "{now:?} after {seen:?}");
            seen = now;
        }
    }

    /// Writes, waits for it, and reads it.
    async fn write(&self, bank: &Bank, ledger: &mut Ledger) {
        let options = ReadModelOptions {
            schema: bank.schema.clone(),
            ..ReadModelOptions::default()
        };
        let model = ReadModel::open(&bank.postgres(), "balances", options)
            .await
            .unwrap();
        let client = connect(&bank.postgres()).await;
        let query = r#"SELECT "last version" FROM balance WHERE account = $1"#;
        while !self.done.load(Relaxed) {
            let number = self.waits.fetch_add(1, Relaxed) % ACCOUNTS;
            let account = format!("a{number}");
            ledger
                .commit((number % 4) as u32, &account, &[posted(1, 1)])
                .await;
            let event = ledger.valid.last().unwrap();
            model.wait_for(event, MINUTE).await.unwrap();
            let row = client.query_one(query, &[&account]).await.unwrap();
            let shown: Option<i64> = row.get(0);
            assert_eq!(shown, Some(event.version as i64), "told too early");
        }
    }

    async fn so_many_more(&self, waits: u64) {
        let until = self.waits.load(Relaxed) + waits;
        eventually("writes go on", async || self.waits.load(Relaxed) >= until).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_no_empty_partial_or_older_state_through_rebuild_switch_and_back() {
    let bank = Bank::on(servers::postgres()).await;
    let mut ledger = Ledger::create(&bank, 4, 51).await;
    for number in 0..ACCOUNTS * 20 {
        let account = format!("a{}", number % ACCOUNTS);
        let partition = (number % ACCOUNTS % 4) as u32;
        ledger.commit(partition, &account, &[posted(1, 1)]).await;
    }
    let first = projector(Balances, bank.until_end());
    bank.run(first.clone()).await.unwrap();
    let _first = Worker::start(&bank, first.options(options(&bank)), bank.postgres());
    let readers = Readers::default();
    let act = async {
        readers.so_many_more(20).await;
        let _second = Worker::start(&bank, projector(Newer, options(&bank)), bank.postgres());
        eventually("version 2 is live", async || live(&bank).await == 2).await;
        readers.so_many_more(50).await;
        let operations = operations(&bank).await;
        for version in [1, 2, 1, 2] {
            operations.switch("balances", version).await.unwrap();
            assert_eq!(live(&bank).await, version as i32);
            readers.so_many_more(20).await;
        }
        readers.done.store(true, Relaxed);
        _second
    };
    let look = readers.look(&bank);
    let write = readers.write(&bank, &mut ledger);
    let (_second, (), ()) = tokio::join!(act, look, write);
    assert!(readers.reads.load(Relaxed) > 50);
    assert_eq!(
        bank.rows::<Balance>().await,
        expected(&Newer, &ledger.valid)
    );
}

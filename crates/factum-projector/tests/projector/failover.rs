//! A primary ends, and its standby becomes the primary: workers that name both go on.

use std::time::Instant;

use tempfile::TempDir;
use tokio::task::spawn_blocking;
use xtask::servers::Postgres;

use crate::bank::{Bank, Ledger, connect, eventually, with_search_path};
use crate::takeover::{Worker, caught_up};

pub struct Pair {
    pub primary: Postgres,
    pub standby: Postgres,
    _files: TempDir,
}

impl Pair {
    /// None where the tests' servers run in Docker, which keeps their data to itself.
    pub async fn start() -> Option<Self> {
        let start = || {
            let files = tempfile::tempdir().unwrap();
            let mut primary = Postgres::start(&files.path().join("primary")).unwrap();
            if !primary.can_have_standbys() {
                eprintln!("left out: in Docker there is no standby");
                return None;
            }
            let standby = primary.standby(&files.path().join("standby")).unwrap();
            Some(Self {
                primary,
                standby,
                _files: files,
            })
        };
        spawn_blocking(start).await.unwrap()
    }

    /// The address of both, the primary first.
    fn both(&self) -> String {
        let [first, second] = [&self.primary, &self.standby].map(|it| host(it.address()));
        let address = self
            .primary
            .address()
            .replace(first, &format!("{first},{second}"));
        address + "?connect_timeout=1"
    }

    /// Waits until the standby has all that the primary has.
    pub async fn followed(&self) {
        let primary = connect(self.primary.address()).await;
        let standby = connect(self.standby.address()).await;
        let written = "SELECT pg_current_wal_flush_lsn()::text";
        let written: String = primary.query_one(written, &[]).await.unwrap().get(0);
        let replayed =
            format!("SELECT coalesce(pg_last_wal_replay_lsn() >= '{written}'::pg_lsn, false)");
        eventually("the standby follows", async || {
            standby.query_one(&replayed, &[]).await.unwrap().get(0)
        })
        .await;
    }

    pub async fn promote(&self) {
        let standby = connect(self.standby.address()).await;
        let promoted = standby.query_one("SELECT pg_promote()", &[]).await;
        assert!(promoted.unwrap().get::<_, bool>(0));
    }
}

pub fn host(address: &str) -> &str {
    let authority = address.split("//").nth(1).unwrap().split('/').next();
    authority.unwrap().rsplit('@').next().unwrap()
}

/// The primary ends in some way, in the middle of work. The standby may lack what came last: the worker
/// goes on from the positions that it finds there.
async fn fails_over(seed: u64, end: impl AsyncFnOnce(&mut Postgres)) {
    let Some(mut pair) = Pair::start().await else {
        return;
    };
    let mut bank = Bank::on(pair.primary.address()).await;
    let mut ledger = Ledger::create(&bank, 2, seed).await;
    let url = with_search_path(&pair.both(), &bank.schema);
    let worker = Worker::start(&bank, bank.view(), url);
    ledger.fill(300).await;
    caught_up(&bank, &ledger).await;
    pair.followed().await;
    ledger.fill(3000).await;
    end(&mut pair.primary).await;
    let ended = Instant::now();
    pair.promote().await;
    bank.move_to(pair.standby.address()).await;
    ledger.fill(300).await;
    caught_up(&bank, &ledger).await;
    eprintln!("went on {:?} after the primary's end", ended.elapsed());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_goes_on_at_the_new_primary() {
    fails_over(31, async |primary| primary.kill9().unwrap()).await;
}

/// Its connections stand, and nothing ever comes over them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_leaves_a_primary_that_hangs() {
    fails_over(32, async |primary| primary.pause().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_takes_long_is_waited_for_while_the_server_lives() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 1, 33).await;
    let worker = Worker::start(&bank, bank.view(), bank.postgres());
    ledger.fill(20).await;
    caught_up(&bank, &ledger).await;
    let sessions = "SELECT string_agg(pid::text, ' ') FROM pg_locks JOIN pg_stat_activity USING (pid) \
                    WHERE relation = to_regclass('balance') AND NOT granted";
    let stranger = connect(&bank.postgres()).await;
    stranger
        .batch_execute("BEGIN; LOCK TABLE balance")
        .await
        .unwrap();
    ledger.fill(20).await;
    let waiting =
        async || -> Option<String> { bank.client.query_one(sessions, &[]).await.unwrap().get(0) };
    eventually("the worker waits", async || waiting().await.is_some()).await;
    let before = waiting().await;
    // Longer than it takes to ask after the session.
    tokio::time::sleep(std::time::Duration::from_secs(12)).await;
    assert_eq!(waiting().await, before, "the same session waits");
    stranger.batch_execute("COMMIT").await.unwrap();
    caught_up(&bank, &ledger).await;
    worker.stop().await;
}

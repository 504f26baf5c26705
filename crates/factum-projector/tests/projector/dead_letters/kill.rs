//! SIGKILL for the worker and for Postgres at every stage of parking and of a replay.
//!
//! A proxy before Postgres is the gate: it holds what the worker sends at a stage, and the kill comes then. A
//! worker's process is this test program itself. Its log is in memory: it writes the same story each time.

use std::process::{Child, Command, Stdio};

use factum_testkit::{MemoryLog, servers};
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use xtask::servers::Postgres;

use super::replay::{Live, caught_up};
use super::*;
use crate::bank::{Proxy, connect, eventually, posted, within};

/// What a worker sends when it parks, in order.
const PARK: [&[u8]; 6] = [
    b"SAVEPOINT factum_part",
    b"ROLLBACK TO SAVEPOINT factum_part",
    b".dead_letters (projection",
    b"SET parked = true",
    b"LISTEN",
    b"'; COMMIT",
];

/// What it sends when it replays, in order.
const REPLAY: [&[u8]; 5] = [
    b"ORDER BY sequence FOR UPDATE",
    b"SAVEPOINT factum_part",
    b"ANY ($5)\0",
    b"SET error = coalesce",
    b"'; COMMIT",
];

/// Two accounts fail, and one of them also with the second build.
async fn story(ledger: &mut Ledger) {
    ledger.fill(30).await;
    ledger
        .commit(0, "bad", &[posted(1, 5), posted(1, POISON)])
        .await;
    ledger.commit(1, "worse", &[posted(1, WORSE)]).await;
    for amount in [6, 7, 8] {
        ledger.fill(10).await;
        ledger.commit(0, "bad", &[posted(1, amount)]).await;
        ledger.commit(1, "worse", &[posted(1, amount)]).await;
    }
}

/// What a worker's process is told, in this order.
const TOLD: &str = "FACTUM_TEST_WORKER";

struct Process(Child);

impl Process {
    fn start(bank: &Bank, url: &str, build: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let told = [&bank.schema, &bank.topic, url, build].join(" ");
        let child = Command::new(program)
            .args(["--exact", "dead_letters::kill::a_worker", "--ignored"])
            .env(TOLD, told)
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn kill9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    async fn succeed(mut self) {
        let ended = spawn_blocking(move || self.0.wait().unwrap());
        assert!(within(120, ended).await.unwrap().success());
    }
}

#[tokio::test]
#[ignore = "a process of the tests below"]
async fn a_worker() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    let told: Vec<_> = told.split(' ').collect();
    let [schema, topic, url, build] = told[..] else {
        panic!("{told:?}");
    };
    let bank = Bank {
        log: MemoryLog::new(),
        topic: topic.into(),
        schema: schema.into(),
        client: connect(&servers::postgres()).await,
        server: servers::postgres(),
    };
    let mut ledger = Ledger::create(&bank, 2, 51).await;
    story(&mut ledger).await;
    let build = match build {
        "first" => Build::FIRST,
        "second" => Build::SECOND,
        _ => Build::LAST,
    };
    let options = Options {
        lock_wait: std::time::Duration::from_millis(200),
        ..parking(&bank)
    };
    let projector = Projector::new(build).table(BALANCE).options(options);
    let log = std::sync::Arc::new(bank.view());
    let ran = projector.run(log, url, std::future::pending());
    within(120, ran).await.unwrap();
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_parks_or_replays() {
    let bank = Bank::new().await;
    let mut ledger = Ledger::create(&bank, 2, 51).await;
    story(&mut ledger).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let (direct, gated) = (bank.postgres(), proxy.through(&bank.postgres()));
    let kill_at = async |stage, build| {
        proxy.freeze_at(stage);
        let worker = Process::start(&bank, &gated, build);
        within(120, proxy.frozen()).await;
        worker.kill9();
        proxy.thaw();
    };
    for stage in PARK {
        kill_at(stage, "first").await;
    }
    Process::start(&bank, &direct, "first").succeed().await;
    assert_parked(&bank, &ledger, &["bad", "worse"]).await;
    for stage in REPLAY {
        ask(&bank, "true").await;
        kill_at(stage, "second").await;
    }
    ask(&bank, "true").await;
    Process::start(&bank, &direct, "second").succeed().await;
    assert_parked(&bank, &ledger, &["worse"]).await;
    ask(&bank, "true").await;
    Process::start(&bank, &direct, "last").succeed().await;
    assert_whole(&bank, &ledger).await;
}

/// A Postgres of the test's own.
async fn own_postgres() -> (Postgres, TempDir) {
    let start = || {
        let files = tempfile::tempdir().unwrap();
        (
            Postgres::start(&files.path().join("postgres")).unwrap(),
            files,
        )
    };
    spawn_blocking(start).await.unwrap()
}

/// Kills Postgres at each stage. A worker that runs is what gets there again.
async fn kill_postgres(postgres: &mut Postgres, proxy: &Proxy, stages: &[&'static [u8]]) {
    for (at, stage) in stages.iter().enumerate() {
        within(120, proxy.frozen()).await;
        println!("kills Postgres at {}", String::from_utf8_lossy(stage));
        postgres.kill9().unwrap();
        postgres.restart().unwrap();
        match stages.get(at + 1) {
            Some(next) => proxy.freeze_at(next),
            None => proxy.thaw(),
        }
    }
}

#[tokio::test]
async fn a_postgres_that_is_killed_while_a_worker_parks_or_replays() {
    let (mut postgres, _files) = own_postgres().await;
    let mut bank = Bank::on(postgres.address()).await;
    let mut ledger = Ledger::create(&bank, 2, 51).await;
    story(&mut ledger).await;
    let proxy = Proxy::start(&bank.postgres()).await;
    let gated = proxy.through(&bank.postgres());
    let server = bank.server.clone();

    proxy.freeze_at(PARK[0]);
    let worker = Live::start(&bank, Build::FIRST, gated.clone());
    kill_postgres(&mut postgres, &proxy, &PARK).await;
    bank.move_to(&server).await;
    caught_up(&bank, &ledger).await;
    assert_parked(&bank, &ledger, &["bad", "worse"]).await;
    worker.stop().await;

    ask(&bank, "true").await;
    proxy.freeze_at(REPLAY[0]);
    let worker = Live::start(&bank, Build::SECOND, gated.clone());
    kill_postgres(&mut postgres, &proxy, &REPLAY).await;
    bank.move_to(&server).await;
    let asked = "SELECT count(*) FROM dead_letters WHERE replay_asked_at IS NOT NULL";
    eventually("all is tried", async || {
        let asked = bank.client.query_one(asked, &[]).await.unwrap();
        asked.get::<_, i64>(0) == 0
    })
    .await;
    assert_parked(&bank, &ledger, &["worse"]).await;
    worker.stop().await;
    ask(&bank, "true").await;
    project(&bank, Build::LAST).await;
    assert_whole(&bank, &ledger).await;
}

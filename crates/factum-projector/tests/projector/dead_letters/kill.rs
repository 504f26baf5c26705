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
use crate::bank::{Proxy, When, connect, eventually, posted, within};

/// Where a worker, or its Postgres, is killed.
struct Stage {
    name: &'static str,
    /// What is sent before that.
    past: Option<&'static [u8]>,
    /// What is held: before it is passed on, or only its answer.
    gate: &'static [u8],
    when: When,
}

const fn stage(name: &'static str, gate: &'static [u8], when: When) -> Stage {
    Stage {
        name,
        past: None,
        gate,
        when,
    }
}

/// The COMMIT that follows.
const fn commit(name: &'static str, past: &'static [u8], when: When) -> Stage {
    Stage {
        name,
        past: Some(past),
        gate: b"'; COMMIT",
        when,
    }
}

/// The stages of parking, in order.
const PARK: [Stage; 6] = [
    stage("a batch is split", b"SAVEPOINT factum_part", When::Before),
    stage(
        "a piece has failed",
        b"ROLLBACK TO SAVEPOINT factum_part",
        When::Before,
    ),
    stage("letters are being written", LETTERS, When::Before),
    stage(
        "the version is being marked as one that parks",
        b"SET parked = true",
        When::Before,
    ),
    commit(
        "letters and position are not committed yet",
        LETTERS,
        When::Before,
    ),
    commit("letters and position are committed", LETTERS, When::After),
];

/// The stages of a replay, in order.
const REPLAY: [Stage; 6] = [
    stage(
        "letters are being held",
        b"ORDER BY sequence FOR UPDATE",
        When::Before,
    ),
    stage(
        "a letter is about to be applied",
        b"SAVEPOINT factum_part",
        When::Before,
    ),
    stage(
        "applied letters are being taken away",
        b"ANY ($5)\0",
        When::Before,
    ),
    stage("letters that failed are being kept", KEPT, When::Before),
    commit("rows and letters are not committed yet", KEPT, When::Before),
    commit("rows and letters are committed", KEPT, When::After),
];

const LETTERS: &[u8] = b".dead_letters (projection";
const KEPT: &[u8] = b"SET error = coalesce";

impl Stage {
    /// Tells the proxy where to hold a worker.
    fn arm(&self, proxy: &Proxy) {
        match self.past {
            Some(past) => proxy.freeze_at(past),
            None => proxy.freeze_when(self.gate, self.when),
        }
    }

    /// Waits until the worker is held there.
    async fn reached(&self, proxy: &Proxy, bank: &Bank) {
        within(120, proxy.frozen()).await;
        if self.past.is_some() {
            proxy.freeze_when(self.gate, self.when);
            within(120, proxy.frozen()).await;
        }
        // A transaction that parks leaves letters without the mark, and so does one that replays.
        let committed = "SELECT EXISTS (SELECT FROM dead_letters WHERE replay_asked_at IS NULL)";
        eventually(self.name, async || {
            let row = bank.client.query_one(committed, &[]).await.unwrap();
            row.get::<_, bool>(0) == (self.when == When::After)
        })
        .await;
    }
}

/// Each event up to the positions is in the rows once, or it is parked, and nothing else is.
async fn assert_nothing_lost(bank: &Bank, ledger: &Ledger, stage: &Stage) {
    bank.sql("BEGIN ISOLATION LEVEL REPEATABLE READ").await;
    let next = "SELECT next FROM positions ORDER BY partition";
    let next = bank.client.query(next, &[]).await.unwrap();
    let next: Vec<i64> = next.iter().map(|row| row.get(0)).collect();
    let parked = letters(bank).await;
    let is_parked = |event: &Recorded<Posted>| {
        let place = (event.partition, event.sequence);
        parked.iter().any(|it| (it.partition, it.sequence) == place)
    };
    let passed =
        |event: &Recorded<Posted>| (event.sequence as i64) < next[event.partition as usize];
    let (done, ahead): (Vec<_>, Vec<_>) = ledger.valid.iter().cloned().partition(passed);
    assert!(
        !ahead.iter().any(is_parked),
        "{}: parked too early",
        stage.name
    );
    let applied: Vec<_> = done.into_iter().filter(|it| !is_parked(it)).collect();
    let rows = bank.rows::<Balance>().await;
    assert_eq!(rows, expected(&Balances, &applied), "{}", stage.name);
    bank.sql("COMMIT").await;
}

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
    let direct = bank.postgres();
    let kill_at = async |stage: &Stage, build| {
        println!("a worker is killed: {}", stage.name);
        let proxy = Proxy::start(&direct).await;
        stage.arm(&proxy);
        let worker = Process::start(&bank, &proxy.through(&direct), build);
        stage.reached(&proxy, &bank).await;
        worker.kill9();
        drop(proxy); // with what it still held back
        assert_nothing_lost(&bank, &ledger, stage).await;
    };
    for stage in &PARK {
        kill_at(stage, "first").await;
    }
    Process::start(&bank, &direct, "first").succeed().await;
    assert_parked(&bank, &ledger, &["bad", "worse"]).await;
    for stage in &REPLAY {
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
async fn kill_postgres(
    postgres: &mut Postgres,
    proxy: &Proxy,
    (bank, ledger): (&mut Bank, &Ledger),
    stages: &[Stage],
) {
    let server = bank.server.clone();
    for (at, stage) in stages.iter().enumerate() {
        stage.reached(proxy, bank).await;
        println!("Postgres is killed: {}", stage.name);
        postgres.kill9().unwrap();
        postgres.restart().unwrap();
        bank.move_to(&server).await;
        assert_nothing_lost(bank, ledger, stage).await;
        match stages.get(at + 1) {
            Some(next) => next.arm(proxy),
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

    PARK[0].arm(&proxy);
    let worker = Live::start(&bank, Build::FIRST, gated.clone());
    kill_postgres(&mut postgres, &proxy, (&mut bank, &ledger), &PARK).await;
    caught_up(&bank, &ledger).await;
    assert_parked(&bank, &ledger, &["bad", "worse"]).await;
    worker.stop().await;

    ask(&bank, "true").await;
    REPLAY[0].arm(&proxy);
    let worker = Live::start(&bank, Build::SECOND, gated.clone());
    kill_postgres(&mut postgres, &proxy, (&mut bank, &ledger), &REPLAY).await;
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

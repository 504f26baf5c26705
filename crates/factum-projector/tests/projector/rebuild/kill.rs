//! SIGKILL for a worker's process, and for Postgres, at every stage of a rebuild.
//!
//! A worker's process is this test program itself. Its log is in memory: it writes the same story each time.

use std::process::{Child, Command, Stdio};

use factum_testkit::{MemoryLog, servers};
use tokio::task::block_in_place;
use xtask::servers::Postgres;

use super::stage::{Case, Stage, story};
use super::{Newer, Worker, live, manual, operations, options, projector};
use crate::bank::{Bank, Ledger, Proxy, connect, eventually, within};

/// What a worker's process is told: schema, topic, address, and whether its log is long, and the switch asked for.
const TOLD: &str = "FACTUM_TEST_REBUILD";

struct Process(Child);

impl Process {
    fn start(case: &Case, url: &str) -> Self {
        let program = std::env::current_exe().unwrap();
        let (long, manual) = (case.stage.is_long(), case.stage.is_manual());
        let (schema, topic) = (&case.bank.schema, &case.bank.topic);
        let child = Command::new(program)
            .args(["--exact", "rebuild::kill::a_worker", "--ignored"])
            .env(TOLD, format!("{schema} {topic} {url} {long} {manual}"))
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

/// SIGKILL. A test that fails leaves no process behind.
impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "a process of the tests below"]
async fn a_worker() {
    let Ok(told) = std::env::var(TOLD) else {
        return;
    };
    let told: Vec<_> = told.split(' ').collect();
    let [schema, topic, url, long, waits] = told[..] else {
        panic!("{told:?}");
    };
    let bank = Bank {
        log: MemoryLog::new(),
        topic: topic.into(),
        schema: schema.into(),
        client: connect(&servers::postgres()).await,
        server: servers::postgres(),
    };
    let mut ledger = Ledger::create(&bank, 2, 52).await;
    story(&mut ledger, long == "true").await;
    let options = match waits {
        "true" => manual(&bank),
        _ => options(&bank),
    };
    let log = std::sync::Arc::new(bank.view());
    let ran = projector(Newer, options).run(log, url, std::future::pending());
    within(120, ran).await.unwrap();
}

/// Kills a worker's process at a stage.
async fn killed_at(stage: Stage) -> Case {
    eprintln!("a worker is killed at {stage:?}");
    let case = Case::new(&servers::postgres(), stage).await;
    let proxy = Proxy::start(&case.bank.postgres()).await;
    case.arm(&proxy);
    let worker = Process::start(&case, &proxy.through(&case.bank.postgres()));
    case.reached(&proxy).await;
    drop(worker);
    drop(proxy); // with what it still held back
    case.is_consistent().await;
    case
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_whose_process_is_killed_goes_on_to_the_right_tables() {
    for stage in Stage::ALL {
        let case = killed_at(stage).await;
        case.ask().await;
        let next = projector(Newer, case.bank.until_end());
        case.bank.run(next).await.unwrap();
        case.is_done().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_whose_process_is_killed_and_that_is_cancelled_leaves_nothing() {
    for stage in Stage::ALL {
        let case = killed_at(stage).await;
        let operations = operations(&case.bank).await;
        let cancelled = operations.cancel("balances", 2).await;
        // Whatever was not committed was never there; what readers see stays.
        let stays = matches!(stage, Stage::Begin | Stage::AfterTheCommit);
        assert_eq!(cancelled.is_err(), stays, "{stage:?}: {cancelled:?}");
        match stage {
            Stage::AfterTheCommit => case.is_done().await,
            _ => case.is_gone().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_whose_postgres_is_killed_goes_on_to_the_right_tables() {
    let files = tempfile::tempdir().unwrap();
    let server = block_in_place(|| Postgres::start(&files.path().join("postgres")));
    let mut server = server.unwrap();
    let address = server.address().to_owned();
    for stage in Stage::ALL {
        eprintln!("Postgres is killed at {stage:?}");
        let mut case = Case::new(&address, stage).await;
        let proxy = Proxy::start(&case.bank.postgres()).await;
        case.arm(&proxy);
        let asked = match stage.is_manual() {
            true => manual(&case.bank),
            false => options(&case.bank),
        };
        let url = proxy.through(&case.bank.postgres());
        let worker = Worker::start(&case.bank, projector(Newer, asked), url);
        case.reached(&proxy).await;
        block_in_place(|| server.kill9()).unwrap();
        block_in_place(|| server.restart()).unwrap();
        case.bank.move_to(&address).await;
        case.is_consistent().await;
        proxy.thaw();
        case.ask().await;
        let end = case.ledger.records().await;
        eventually("version 2 is live, and has caught up", async || {
            let done = "SELECT sum(\"offset\")::bigint FROM positions WHERE version = 2";
            let done = case.bank.client.query_one(done, &[]).await.unwrap();
            live(&case.bank).await == 2 && done.get::<_, Option<i64>>(0) == Some(end)
        })
        .await;
        case.is_done().await;
        assert!(!worker.0.is_finished(), "the same worker has gone on");
    }
}

//! Whatever is killed, whenever: the same commands again come to the same figures.
//!
//! The programs of this example run as they do in the demo, on a Kafka and a Postgres of their own.
//! At random moments one of them, or one of the servers, is killed with SIGKILL.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use loans::generate::Generator;
use postgres::{Client, NoTls};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use xtask::servers::{Kafka, Postgres};

const CASES: u64 = 2000;
const SEED: u64 = 7;
const KILLS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(120);

const SERVICE: &str = env!("CARGO_BIN_EXE_loans-service");
const BOARD: &str = env!("CARGO_BIN_EXE_loans-board");
const WORKLOAD: &str = env!("CARGO_BIN_EXE_loans-workload");
const REPORT: &str = env!("CARGO_BIN_EXE_loans-report");

/// A bank with its servers, and its programs' flags.
struct Bank {
    dir: tempfile::TempDir,
    kafka: Option<Kafka>,
    postgres: Postgres,
    log: String,
}

/// A program under way.
struct Running {
    child: Child,
    output: PathBuf,
}

impl Bank {
    fn open(on_kafka: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let kafka = on_kafka.then(|| Kafka::start(&dir.path().join("kafka")).unwrap());
        let postgres = Postgres::start(&dir.path().join("postgres")).unwrap();
        let log = match &kafka {
            Some(kafka) => format!("kafka://{}", kafka.address()),
            None => format!("local:{}", dir.path().join("log").display()),
        };
        Self {
            dir,
            kafka,
            postgres,
            log,
        }
    }

    fn start(&self, program: &str, flags: &[&str]) -> Running {
        let name = Path::new(program)
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let output = self
            .dir
            .path()
            .join(format!("{name}-{}.txt", uuid::Uuid::new_v4()));
        let file = File::create(&output).unwrap();
        let mut command = Command::new(program);
        command
            .args(flags)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        Running {
            child: command.spawn().unwrap(),
            output,
        }
    }

    fn service(&self) -> Running {
        let (cases, seed) = (CASES.to_string(), SEED.to_string());
        let summary = self.summary();
        let source = ["--generate", &cases, "--seed", &seed];
        let place = ["import", "--log", &self.log, "--summary", &summary];
        self.start(SERVICE, &[&place[..], &source].concat())
    }

    fn summary(&self) -> String {
        self.dir.path().join("summary.json").display().to_string()
    }

    fn worker(&self, program: &str, more: &[&str]) -> Running {
        let place = ["--log", &self.log, "--postgres", self.postgres.address()];
        self.start(program, &[&place[..], more].concat())
    }

    /// What the read models say, once everything has run to its end.
    fn finish(&self) -> Value {
        self.service().succeed();
        let workers = [BOARD, WORKLOAD].map(|worker| self.worker(worker, &["--until-end"]));
        workers
            .into_iter()
            .for_each(|worker| drop(worker.succeed()));
        let (summary, postgres) = (self.summary(), self.postgres.address());
        let report = self.start(
            REPORT,
            &["--json", "--summary", &summary, "--postgres", postgres],
        );
        let output = report.succeed();
        serde_json::from_str(output.lines().last().unwrap()).unwrap()
    }
}

impl Running {
    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it ends, well, and returns what it printed.
    fn succeed(mut self) -> String {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let output = fs::read_to_string(&self.output).unwrap();
                assert!(status.success(), "{status}: {output}");
                return output;
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "no end: {}",
                fs::read_to_string(&self.output).unwrap()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }
}

/// Cases and requested amounts by outcome, and all events: counted from the cases themselves.
fn expected() -> (BTreeMap<&'static str, (i64, i64)>, i64) {
    let (mut outcomes, mut events) = (BTreeMap::new(), 0);
    for case in Generator::new(CASES, SEED) {
        let holds = |activity: &str| case.entries.iter().any(|entry| entry.activity == activity);
        let outcome = match () {
            () if holds("A_ACTIVATED") => "activated",
            () if holds("A_DECLINED") => "declined",
            () if holds("A_CANCELLED") => "cancelled",
            () => "open",
        };
        let (cases, amount) = outcomes.entry(outcome).or_insert((0, 0));
        (*cases, *amount) = (*cases + 1, *amount + case.amount);
        events += case.entries.len() as i64;
    }
    (outcomes, events)
}

fn check(report: &Value) {
    let (outcomes, events) = expected();
    assert_eq!(report["events"], events, "{report}");
    assert_eq!(report["cases"], CASES, "{report}");
    for (outcome, (cases, amount)) in outcomes {
        let told = &report["outcomes"][outcome];
        assert_eq!(
            (&told["cases"], &told["amount"]),
            (&cases.into(), &amount.into()),
            "{report}"
        );
    }
}

fn killing_anything_at_any_moment_changes_nothing(on_kafka: bool) {
    let seed =
        std::env::var("FACTUM_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("FACTUM_SEED={seed} repeats the choices, though not the moments");
    let mut random = StdRng::seed_from_u64(seed);
    let mut bank = Bank::open(on_kafka);
    for kill in 0..KILLS {
        let mut running: Vec<Running> = vec![bank.service()];
        running.extend([BOARD, WORKLOAD].map(|worker| bank.worker(worker, &["--until-end"])));
        std::thread::sleep(Duration::from_millis(random.random_range(100..3000)));
        let victims = if on_kafka { 5 } else { 4 };
        let victim = random.random_range(0..victims);
        println!(
            "kill {kill}: {}",
            ["service", "board", "workload", "postgres", "kafka"][victim]
        );
        match victim {
            3 => bank.postgres.kill9().unwrap(),
            4 => bank.kafka.as_mut().unwrap().kill9().unwrap(),
            program => running.remove(program).kill(),
        }
        // The others meet the loss before they are killed too, or right away.
        std::thread::sleep(Duration::from_millis(random.random_range(0..500)));
        running.into_iter().for_each(Running::kill);
        match victim {
            3 => bank.postgres.restart().unwrap(),
            4 => bank.kafka.as_mut().unwrap().restart().unwrap(),
            _ => {}
        }
    }
    check(&bank.finish());
    let again = bank.finish();
    check(&again);
    assert_eq!(
        again["appended"], 0,
        "a second run appends nothing: {again}"
    );
}

#[test]
fn killing_anything_at_any_moment_changes_nothing_on_kafka() {
    killing_anything_at_any_moment_changes_nothing(true);
}

#[test]
fn killing_anything_at_any_moment_changes_nothing_on_the_embedded_log() {
    killing_anything_at_any_moment_changes_nothing(false);
}

/// The board as text, and how many rows it has.
fn board(postgres: &mut Client) -> (Option<String>, i64) {
    let sql = "SELECT md5(string_agg(b::text, ';' ORDER BY case_id)), count(*) FROM loan_board b";
    let row = postgres.query_one(sql, &[]).unwrap();
    (row.get(0), row.get(1))
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The board's table is there and has rows, but not all of them.
fn has_begun(postgres: &mut Client) -> bool {
    let rows = postgres.query_one("SELECT count(*) FROM loan_board", &[]);
    rows.is_ok_and(|row| row.get::<_, i64>(0) > 0)
}

#[test]
fn a_worker_that_was_stopped_and_taken_over_changes_nothing() {
    let bank = Bank::open(true);
    bank.service().succeed();
    let mut postgres = Client::connect(bank.postgres.address(), NoTls).unwrap();
    let zombie = bank.worker(BOARD, &["--batch-bytes", "2000"]);
    wait_until("the first rows are there", || has_begun(&mut postgres));
    zombie.signal(rustix::process::Signal::STOP);
    let (_, rows) = board(&mut postgres);
    assert!(
        rows < CASES as i64,
        "it was stopped too late to be in the middle"
    );

    bank.worker(BOARD, &["--until-end"]).succeed();
    let (whole, rows) = board(&mut postgres);
    assert_eq!(rows, CASES as i64);
    zombie.signal(rustix::process::Signal::CONT);
    // It finds out, and joins its group again: then it has had every chance to do harm.
    wait_until("the zombie has found out", || {
        let output = fs::read_to_string(&zombie.output).unwrap();
        [
            "gave up partitions",
            "another worker is ahead",
            "interrupted",
        ]
        .iter()
        .any(|word| output.contains(word))
    });
    zombie.signal(rustix::process::Signal::TERM);
    zombie.succeed();
    assert_eq!(board(&mut postgres), (whole, rows));
    check(&bank.finish());
}

//! Whatever is killed, whenever: the same commands again come to the same figures.
//!
//! The programs of this example run as they do in the demo, on a Kafka and a Postgres of their own.
//! At random moments one of them, or one of the servers, is killed with SIGKILL. There is more to do
//! each time, and a kill counts only when it hits a program that had not ended yet.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use loans::generate::Generator;
use postgres::{Client, NoTls};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use xtask::servers::{Kafka, Postgres};

const CASES: u64 = 2000;
const SEED: u64 = 7;
/// How many cases come in with the first attempt to kill; after a miss, twice as many.
const MORE_CASES: u64 = 250;
const KILLS: usize = 8;
/// How often it is tried to hit one victim.
const ATTEMPTS: u32 = 6;
/// What is killed sooner has hardly begun.
const SHORTEST: Duration = Duration::from_millis(50);
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
    cases: u64,
}

/// What is killed.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Service,
    Board,
    Workload,
    Postgres,
    Kafka,
}

impl Victim {
    /// Those of [`Bank::programs`] of which one must be at work for the kill to hit something.
    fn hits(self) -> Range<usize> {
        match self {
            Self::Service | Self::Kafka => 0..1,
            Self::Board => 1..2,
            Self::Workload => 2..3,
            Self::Postgres => 1..3,
        }
    }
}

/// A program under way.
struct Running {
    child: Child,
    output: PathBuf,
}

impl Bank {
    fn open(on_kafka: bool, cases: u64) -> Self {
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
            cases,
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
        let (cases, seed) = (self.cases.to_string(), SEED.to_string());
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

    /// The service, the board and the workload.
    fn programs(&self) -> Vec<Running> {
        // In small steps, so that there are many moments to be killed at.
        let flags = ["--until-end", "--batch-bytes", "500"];
        let workers = [BOARD, WORKLOAD].map(|worker| self.worker(worker, &flags));
        [self.service()].into_iter().chain(workers).collect()
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
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Whether it has not ended yet. It must not have failed.
    fn is_at_work(&mut self) -> bool {
        let Some(status) = self.child.try_wait().unwrap() else {
            return true;
        };
        let output = || fs::read_to_string(&self.output).unwrap();
        assert!(status.success(), "{status}: {}", output());
        false
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
fn expected(cases: u64) -> (BTreeMap<&'static str, (i64, i64)>, i64) {
    let (mut outcomes, mut events) = (BTreeMap::new(), 0);
    for case in Generator::new(cases, SEED) {
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

fn check(report: &Value, cases: u64) {
    let (outcomes, events) = expected(cases);
    assert_eq!(report["events"], events, "{report}");
    assert_eq!(report["cases"], cases, "{report}");
    for (outcome, (cases, amount)) in outcomes {
        let told = &report["outcomes"][outcome];
        assert_eq!(
            (&told["cases"], &told["amount"]),
            (&cases.into(), &amount.into()),
            "{report}"
        );
    }
}

/// Kills the victim while a program is at work that this hits.
fn strike(bank: &mut Bank, victim: Victim, random: &mut StdRng) {
    let mut delay = Duration::from_millis(random.random_range(200..1500));
    let mut more_cases = MORE_CASES;
    for _ in 0..ATTEMPTS {
        if struck(bank, victim, more_cases, delay, random) {
            println!("{victim:?}: killed after {delay:?}, {} cases", bank.cases);
            return;
        }
        println!("{victim:?}: all was done after {delay:?}");
        delay = (delay / 2).max(SHORTEST);
        more_cases *= 2;
    }
    panic!("{victim:?}: never in the middle, in {ATTEMPTS} attempts");
}

/// One attempt, on more cases than the one before. In the end nothing runs but the servers.
fn struck(
    bank: &mut Bank,
    victim: Victim,
    more_cases: u64,
    delay: Duration,
    random: &mut StdRng,
) -> bool {
    bank.cases += more_cases;
    let mut programs = bank.programs();
    std::thread::sleep(delay);
    let hit = programs[victim.hits()].iter_mut().any(Running::is_at_work);
    if hit {
        match victim {
            Victim::Postgres => bank.postgres.kill9().unwrap(),
            Victim::Kafka => bank.kafka.as_mut().unwrap().kill9().unwrap(),
            program => programs[program.hits()].iter_mut().for_each(Running::kill),
        }
        // The others meet the loss before they are killed too, or right away.
        std::thread::sleep(Duration::from_millis(random.random_range(0..500)));
    } else {
        // What it imports is what the next attempt's workers have to do.
        programs.remove(0).succeed();
    }
    programs.iter_mut().for_each(Running::kill);
    match victim {
        Victim::Postgres if hit => bank.postgres.restart().unwrap(),
        Victim::Kafka if hit => bank.kafka.as_mut().unwrap().restart().unwrap(),
        _ => {}
    }
    hit
}

/// Every victim in a random order, then again, until there are enough.
fn victims(on_kafka: bool, random: &mut StdRng) -> Vec<Victim> {
    use Victim::{Board, Kafka, Postgres, Service, Workload};
    let mut all = vec![Service, Board, Workload, Postgres];
    all.extend(on_kafka.then_some(Kafka));
    let mut victims = Vec::new();
    while victims.len() < KILLS {
        all.shuffle(random);
        victims.extend_from_slice(&all);
    }
    victims.truncate(KILLS);
    victims
}

fn killing_anything_at_any_moment_changes_nothing(on_kafka: bool) {
    let seed =
        std::env::var("FACTUM_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("FACTUM_SEED={seed} repeats the choices, though not the moments");
    let mut random = StdRng::seed_from_u64(seed);
    let mut bank = Bank::open(on_kafka, MORE_CASES);
    // What a worker has to do before it ends is what was recorded when it began.
    bank.service().succeed();
    for victim in victims(on_kafka, &mut random) {
        strike(&mut bank, victim, &mut random);
    }
    check(&bank.finish(), bank.cases);
    let again = bank.finish();
    check(&again, bank.cases);
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

/// The board's table is there and has rows.
fn has_begun(postgres: &mut Client) -> bool {
    let rows = postgres.query_one("SELECT count(*) FROM loan_board", &[]);
    rows.is_ok_and(|row| row.get::<_, i64>(0) > 0)
}

#[test]
fn a_worker_that_was_stopped_and_taken_over_changes_nothing() {
    let mut bank = Bank::open(true, CASES / 2);
    bank.service().succeed();
    let mut postgres = Client::connect(bank.postgres.address(), NoTls).unwrap();
    let zombie = bank.worker(BOARD, &["--batch-bytes", "500"]);
    wait_until("the first rows are there", || has_begun(&mut postgres));
    zombie.signal(rustix::process::Signal::STOP);
    // However fast it was, there is more for it to do.
    bank.cases = CASES;
    bank.service().succeed();

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
    check(&bank.finish(), bank.cases);
}

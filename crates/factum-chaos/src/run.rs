//! One run: servers, programs and clients up; faults; down again; judgement.

mod soak;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::checker::{
    Fact, Kind, PartitionLog, RawRecord, Routed, Row, Verdict, Violation, by_partition, compare,
    fold, judge, read_commands, read_partition, read_rows, read_topic, unhandled,
};
use crate::faults::{listens, settle, suffer};
use crate::flow::{Acknowledged, Flow};
use crate::history::{Asked, Recorder, lines};
use crate::load::{Clients, Topic};
use crate::plan::{self, Step};
use crate::report::{Report, Suffered};
use crate::world::{
    CLIENTS_WAY, COMMANDS, DEAD_LETTERS, Manner, NODES, PARTITIONS, Program, TOPIC, WORKERS, World,
};

/// What the read model is to hold.
type Rows = BTreeMap<String, Row>;

/// What to run.
#[derive(Clone, Debug)]
pub struct Setting {
    /// How many faults, where it is no soak.
    pub faults: usize,
    /// For how many minutes to soak, with a fault a minute.
    pub soak: Option<u32>,
    /// What they and the commands are drawn from.
    pub seed: u64,
    /// 1 or 3.
    pub brokers: usize,
    /// Where everything is kept meanwhile.
    pub dir: PathBuf,
}

/// How long answers may take to flow again once a fault is mended.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two steps.
const QUIET: Duration = Duration::from_millis(100);
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// Runs, and judges. The servers' data is kept where a promise was broken.
///
/// # Errors
/// Something that is not under test failed: a server did not start, a file could not be written.
pub async fn run(setting: &Setting) -> Result<Report> {
    let begin = Instant::now();
    eprintln!(
        "starting {} broker(s), Postgres, nodes and workers …",
        setting.brokers
    );
    let manner = match setting.soak {
        Some(_) => Manner::Measured,
        None => Manner::Usual,
    };
    let world = World::start(&setting.dir, setting.brokers, manner).await?;
    let mut run = Run {
        world: Arc::new(world),
        flow: Flow::new(PARTITIONS),
        report: Report::default(),
        begin,
    };
    let told = tokio::select! {
        told = run.go(setting) => told,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    if told.is_err() || !run.report.violations.is_empty() {
        for place in run.world.keep() {
            eprintln!("kept: {}", place.display());
        }
    }
    run.world.kill();
    told?;
    run.report.took = begin.elapsed();
    Ok(run.report)
}

struct Run {
    world: Arc<World>,
    flow: Flow,
    report: Report,
    begin: Instant,
}

impl Run {
    async fn go(&mut self, setting: &Setting) -> Result<()> {
        let history = setting.dir.join("history.jsonl");
        self.world
            .programs()
            .try_for_each(|program| program.start())?;
        let topic = Topic::connect(&self.world.kafka_through(CLIENTS_WAY)).await?;
        let clients = Clients::start(
            setting.seed,
            &self.world.node_addresses,
            &topic,
            &self.flow,
            &history,
        )?;
        self.recovered(Instant::now(), "at the start").await?;
        match setting.soak {
            Some(minutes) => {
                let (seed, dir) = (setting.seed, &setting.dir);
                self.soak(&clients, seed, minutes, dir).await?;
            }
            None => {
                self.strike(&plan::draw(setting.seed, setting.faults))
                    .await?
            }
        }
        clients.stop().await?;
        drop(topic);
        self.handled().await?;
        self.end(&setting.dir, &history).await
    }

    async fn strike(&mut self, steps: &[Step]) -> Result<()> {
        for step in steps {
            self.step(step).await?;
            if self.stalled() {
                break;
            }
        }
        Ok(())
    }

    fn stalled(&self) -> bool {
        self.report
            .violations
            .iter()
            .any(|it| it.kind == Kind::Progress)
    }

    /// Faults that strike together, until all is well again.
    async fn step(&mut self, step: &Step) -> Result<()> {
        let names: Vec<String> = step.iter().map(|fault| fault.kind.to_string()).collect();
        self.flow.listen();
        let notes = {
            let (first, second) = (step.first(), step.get(1));
            let suffer = async |fault: Option<&plan::Fault>| match fault {
                Some(fault) => suffer(&self.world, fault).await,
                None => Ok(Vec::new()),
            };
            let blows = async { tokio::try_join!(suffer(first), suffer(second)) };
            tokio::select! {
                blows = blows => blows?,
                () = self.world.tend() => unreachable!("tends for ever"),
            }
        };
        self.report.notes.extend([notes.0, notes.1].concat());
        let recovery = self.recovered(Instant::now(), &names.join(" and ")).await?;
        let silence = self.flow.silence();
        let at = self.begin.elapsed().as_secs();
        eprintln!(
            "{at:>5} s  {:<36} silence {:>6.2} s  recovery {:>6.2} s",
            names.join(" + "),
            silence.as_secs_f64(),
            recovery.as_secs_f64()
        );
        self.report
            .suffered
            .extend(names.into_iter().map(|kind| Suffered {
                kind,
                silence,
                recovery,
            }));
        self.settled().await
    }

    /// The next fault finds everything up.
    async fn settled(&self) -> Result<()> {
        let up = async {
            if self.world.brokers.len() > 1 {
                settle(&self.world).await?;
            }
            for address in &self.world.node_addresses[..NODES] {
                listens(address, PATIENCE).await;
            }
            tokio::time::sleep(QUIET).await;
            Ok(())
        };
        tokio::select! {
            up = up => up,
            () = self.world.tend() => unreachable!("tends for ever"),
        }
    }

    /// Waits until every partition acknowledges what is sent from now on, and the read model shows
    /// it; says how long that took. That it takes too long is a violation.
    async fn recovered(&mut self, since: Instant, after: &str) -> Result<Duration> {
        let recovered = async {
            let newest = match self.flow.after(since, PATIENCE).await {
                Ok(newest) => newest,
                Err(partitions) => {
                    return Some(format!("partitions {partitions:?} acknowledge nothing"));
                }
            };
            match tokio::time::timeout(PATIENCE, shown(&self.world.postgres_direct, &newest)).await
            {
                Ok(()) => None,
                Err(_) => Some("the read model does not follow".to_owned()),
            }
        };
        let stalled = tokio::select! {
            stalled = recovered => stalled,
            () = self.world.tend() => unreachable!("tends for ever"),
        };
        if let Some(text) = stalled {
            let text = format!("{text}, {} s after {after}", PATIENCE.as_secs());
            self.report.violations.push(Violation {
                kind: Kind::Progress,
                text,
            });
        }
        Ok(since.elapsed())
    }

    /// Waits until all commands of the topic are handled, those that nobody waits for too; that this
    /// takes too long is a violation.
    async fn handled(&mut self) -> Result<()> {
        let begin = Instant::now();
        let all_handled = async {
            loop {
                let waiting = self.waiting().await?;
                if waiting == 0 || begin.elapsed() > PATIENCE {
                    return Ok::<_, anyhow::Error>(waiting);
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let waiting = tokio::select! {
            waiting = all_handled => waiting?,
            () = self.world.tend() => unreachable!("tends for ever"),
        };
        if waiting > 0 {
            let after = begin.elapsed().as_secs();
            let text =
                format!("{waiting} commands of the topic are not handled, {after} s after the end");
            self.report
                .violations
                .push(Violation::new(Kind::Progress, text));
        }
        Ok(())
    }

    /// How many commands of the topic are not handled yet.
    async fn waiting(&self) -> Result<usize> {
        // Commands first: what comes later need not be handled in the events that are read now.
        let commands = self.read(COMMANDS).await?.context("no topic of commands")?;
        let (events, partitions) = self.read(TOPIC).await?.context("no topic of events")?;
        let (commands, _) = read_all(&by_partition(commands.0, partitions));
        Ok(unhandled(&read_logs(events, partitions), &commands).len())
    }

    /// Stops the nodes, reads the topic, waits for the read model, stops the workers, judges.
    async fn end(&mut self, dir: &Path, history: &Path) -> Result<()> {
        stop(&self.world.nodes, &mut self.report.notes).await;
        let (records, partitions) = self.read(TOPIC).await?.context("no topic of events")?;
        write(&dir.join("log.jsonl"), &records)?;
        let (commands, _) = self.read(COMMANDS).await?.context("no topic of commands")?;
        write(&dir.join("commands.jsonl"), &commands)?;
        let history: Vec<Asked> = lines(history)?;
        let (mut verdict, expected) = weigh(&history, records, Some(commands), partitions);
        verdict.violations.extend(self.dead_letters().await?);
        self.follows(&expected).await?;
        stop(&self.world.workers, &mut self.report.notes).await;
        let rows = read_rows(&self.world.postgres_direct).await?;
        write(&dir.join("rows.jsonl"), &rows)?;
        verdict.violations.extend(compare(&expected, &rows));
        for program in self.world.nodes.iter().chain(&self.world.workers) {
            let ended = program.ended().into_iter();
            let note = ended.map(|status| format!("{} ended by itself: {status}", program.name()));
            self.report.notes.extend(note);
        }
        self.report.violations.extend(verdict.violations);
        self.report.figures = verdict.figures;
        Ok(())
    }

    /// Every command of the run can be understood.
    async fn dead_letters(&self) -> Result<Vec<Violation>> {
        let letters = self.read(DEAD_LETTERS).await?;
        let (letters, _) = letters.context("no topic of dead letters")?;
        let why = |it: &RawRecord| {
            String::from_utf8_lossy(it.header.as_deref().unwrap_or_default()).into_owned()
        };
        let violation = |it| Violation::new(Kind::Failed, format!("a dead letter: {}", why(it)));
        Ok(letters.iter().map(violation).collect())
    }

    async fn read(&self, topic: &'static str) -> Result<Option<(Vec<RawRecord>, u32)>> {
        let servers = self.world.kafka_direct.clone();
        tokio::task::spawn_blocking(move || read_topic(&servers, topic)).await?
    }

    /// Waits until the read model is what it is to be; for a while.
    async fn follows(&self, expected: &Rows) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE {
            if compare(expected, &read_rows(&self.world.postgres_direct).await?).is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            self.world.workers[..WORKERS].iter().for_each(Program::tend);
        }
        Ok(())
    }
}

/// Stops programs, and notes which of them did not stop as they should.
async fn stop(programs: &[Program], notes: &mut Vec<String>) {
    for program in programs {
        let stopped = program.stop(STOPPED_WITHIN).await;
        notes.extend(stopped.err().map(|error| format!("{error:#}")));
    }
}

/// Judges the log, and says what the read model is to hold.
fn weigh(
    history: &[Asked],
    records: Vec<RawRecord>,
    commands: Option<Vec<RawRecord>>,
    partitions: u32,
) -> (Verdict, Rows) {
    let logs = read_logs(records, partitions);
    let facts: Vec<&Fact> = logs
        .iter()
        .flat_map(|log| log.commits.iter().flatten())
        .collect();
    let commands = commands.map(|it| by_partition(it, partitions));
    let (commands, damage) = commands.map(|it| read_all(&it)).unzip();
    let mut verdict = judge(history, &logs, commands.as_deref());
    verdict.violations.extend(damage.into_iter().flatten());
    (verdict, fold(facts))
}

/// The valid records of each partition of the events.
fn read_logs(records: Vec<RawRecord>, partitions: u32) -> Vec<PartitionLog> {
    let records = by_partition(records, partitions);
    let logs = records.iter().map(|it| read_partition(it, partitions));
    logs.collect()
}

/// The commands of each partition, and what can't be read of them.
fn read_all(partitions: &[Vec<RawRecord>]) -> (Vec<Vec<Routed>>, Vec<Violation>) {
    let (commands, damage): (_, Vec<_>) = partitions.iter().map(|it| read_commands(it)).unzip();
    (commands, damage.concat())
}

/// Judges once more what a run left in its folder: history, topic and rows.
///
/// # Errors
/// They cannot be read.
pub fn judge_again(dir: &Path) -> Result<Verdict> {
    let records: Vec<RawRecord> = lines(&dir.join("log.jsonl"))?;
    let partitions = records
        .iter()
        .map(|it| it.partition + 1)
        .max()
        .context("no record")?;
    let history: Vec<Asked> = lines(&dir.join("history.jsonl"))?;
    let commands = dir.join("commands.jsonl");
    let commands = match commands.exists() {
        true => Some(lines(&commands)?),
        false => None,
    };
    let (mut verdict, expected) = weigh(&history, records, commands, partitions);
    let rows: Vec<Row> = lines(&dir.join("rows.jsonl"))?;
    verdict.violations.extend(compare(&expected, &rows));
    Ok(verdict)
}

fn write(path: &Path, all: &[impl Serialize]) -> Result<()> {
    let mut file = Recorder::create(path)?;
    all.iter().try_for_each(|line| file.add(line))?;
    file.flush()
}

/// Waits until the read model shows what was acknowledged.
async fn shown(postgres: &str, newest: &[Acknowledged]) {
    loop {
        let rows = read_rows(postgres).await.unwrap_or_default();
        let shows = |it: &Acknowledged| {
            rows.iter()
                .any(|row| row.account == it.account && row.version as u64 >= it.version)
        };
        if newest.iter().all(shows) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

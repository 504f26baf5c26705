//! Commands that reach their owner through the log, beside those that are called in its process, and
//! beside plain rdkafka: one produce round trip, and the same hops.

mod harness;

use std::sync::Arc;
use std::time::Instant;

use clap::Parser;
use factum::{
    Aggregate, Client, Engine, EngineOptions, EventLog, KafkaLog, KafkaSettings, LogError,
    NewTopic, Routing, jiff::Timestamp,
};
use harness::desk::work::{Activity, Completed, WorkEvent};
use harness::echo::{Echo, Ways};
use harness::loops::{closed_loop, micros, plain_settings};
use harness::{Arguments, Prefixed, Report, percentile};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use serde::{Deserialize, Serialize};

const PARTITIONS: u32 = 8;
const ROUNDS: usize = 5;
const ONE_CALLER: usize = 1000;
const WINDOWS: usize = 15;
const PLAIN: &str = "plain";
const ECHO: [&str; 3] = ["echo.commands", "echo.events", "echo.answers"];

/// Emits one event for each command.
#[derive(Default)]
struct Desk;

#[derive(Clone, Serialize, Deserialize)]
struct Complete {
    entry: i64,
    time: Timestamp,
    resource: String,
}

#[derive(Debug, Serialize, Deserialize)]
enum Never {}

impl Aggregate for Desk {
    type Command = Complete;
    type Event = WorkEvent;
    type Rejection = Never;

    fn decide(&self, command: Complete) -> Result<Vec<WorkEvent>, Never> {
        let done = Completed {
            entry: command.entry,
            time: command.time,
            resource: Some(command.resource),
            activity: Activity::CallAboutOffer,
        };
        Ok(vec![done.into()])
    }

    fn apply(&mut self, _: &WorkEvent) {}
}

fn command(number: usize) -> (String, Complete) {
    let command = Complete {
        entry: number as i64,
        time: Timestamp::from_millisecond(1_317_422_324_546 + number as i64).expect("in range"),
        resource: "10913".to_owned(),
    };
    (format!("{}", 173_688 + number % 20_000), command)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let servers = factum_testkit::servers::kafka();
    let prefix = format!("bench-{}", factum::uuid::Uuid::new_v4());
    // Client and engine have connections of their own, as in two processes.
    let [log, clients_log] = [
        connect(&servers, &prefix).await?,
        connect(&servers, &prefix).await?,
    ];
    let create = NewTopic {
        partitions: PARTITIONS,
        replication: None,
    };
    for topic in ECHO.into_iter().chain([PLAIN]) {
        log.open(topic, Some(create)).await?;
    }
    let [commands, events, answers] = ECHO.map(|topic| format!("{prefix}.{topic}"));
    let ways = Ways {
        servers: servers.clone(),
        commands,
        events,
        answers,
        partitions: PARTITIONS,
    };
    let options = EngineOptions {
        create: Some(create),
        group: Some(prefix.clone()),
        ..EngineOptions::default()
    };
    let builder = Engine::<Desk>::builder(log.clone()).options(options);
    let engine = builder.routing(Routing::default()).start().await?;
    let client = Client::<Desk>::connect(clients_log, Routing::default()).await?;
    let producer: FutureProducer = plain_settings(&servers).create()?;
    let mut bench = Bench {
        engine: Arc::new(engine),
        client: Arc::new(client),
        producer,
        plain_topic: format!("{prefix}.{PLAIN}"),
        ways,
        report: Report::new("route", &arguments),
    };
    if arguments.wants("routed, 1 caller") {
        bench.one_caller().await;
    }
    for callers in [16, 256, 4096] {
        if arguments.wants(&format!("routed, {callers} callers")) {
            bench.closed_loop(callers).await;
        }
    }
    bench.report.finish();
    Ok(())
}

async fn connect(servers: &str, prefix: &str) -> Result<Arc<dyn EventLog>, LogError> {
    let log = KafkaLog::connect(&KafkaSettings::new(servers)).await?;
    let prefix = prefix.to_owned();
    Ok(Arc::new(Prefixed { log, prefix }))
}

struct Bench {
    engine: Arc<Engine<Desk>>,
    client: Arc<Client<Desk>>,
    producer: FutureProducer,
    plain_topic: String,
    ways: Ways,
    report: Report,
}

impl Bench {
    async fn one_caller(&mut self) {
        let (mut median, mut tail, mut hops) = (Vec::new(), Vec::new(), Vec::new());
        let mut echo = Echo::start(&self.ways).await;
        for round in 0..=ROUNDS {
            let (mut ours, mut theirs, mut echoed) = (Vec::new(), Vec::new(), Vec::new());
            for number in 0..ONE_CALLER {
                let (id, done) = command(number);
                let before = Instant::now();
                self.client.execute(id, done).await.expect("no faults here");
                ours.push(micros(before));
                let (id, done) = command(number);
                let before = Instant::now();
                self.produce(&id, &done).await;
                theirs.push(micros(before));
                let value = serde_json::to_vec(&done).expect("it is JSON");
                let before = Instant::now();
                echo.execute(&id, &value).await;
                echoed.push(micros(before));
            }
            if round > 0 {
                hops.push((percentile(&mut ours, 50), percentile(&mut echoed, 50)));
                median.push((percentile(&mut ours, 50), percentile(&mut theirs, 50)));
                tail.push((percentile(&mut ours, 99), percentile(&mut theirs, 99)));
            }
        }
        let limit = "one produce round trip, FutureProducer";
        self.report
            .add("routed, 1 caller, p50", "us", limit, &median);
        self.report.add("routed, 1 caller, p99", "us", limit, &tail);
        let limit = "the same hops, plain rdkafka";
        let case = "routed, 1 caller, hops, p50";
        self.report.add(case, "us", limit, &hops);
    }

    async fn produce(&self, id: &str, command: &Complete) {
        let value = serde_json::to_vec(command).expect("it is JSON");
        let record = FutureRecord::to(&self.plain_topic).key(id).payload(&value);
        let sent = self.producer.send(record, Timeout::Never).await;
        sent.expect("no faults here");
    }

    async fn closed_loop(&mut self, callers: usize) {
        let (mut rates, mut tails) = (Vec::new(), Vec::new());
        for round in 0..=WINDOWS {
            let client = self.client.clone();
            let routed = closed_loop(callers, move |number| {
                let (client, (id, done)) = (client.clone(), command(number));
                async move {
                    client.execute(id, done).await.expect("no faults here");
                }
            })
            .await;
            let engine = self.engine.clone();
            let local = closed_loop(callers, move |number| {
                let (engine, (id, done)) = (engine.clone(), command(number));
                async move {
                    engine.execute(id, done).await.expect("no faults here");
                }
            })
            .await;
            if round > 0 {
                rates.push((routed.0, local.0));
                tails.push((routed.1, local.1));
            }
        }
        let limit = "the same engine, called in its process";
        let case = format!("routed, {callers} callers");
        self.report.add(&case, "commands/s", limit, &rates);
        self.report
            .add(&format!("{case}, p99"), "us", limit, &tails);
    }
}

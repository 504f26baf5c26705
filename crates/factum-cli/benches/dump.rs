//! How many events of a topic on Kafka `factum events dump` decodes in a second, and shows, to a file.
//!
//! `cargo xtask bench dump`; `EVENTS` sets how many there are (2,000,000), `ROUNDS` how often each is measured (3).
//! `-- --json` prints an object a line.

use std::fs::{self, File};
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use factum::schema::frame::Frame;
use factum::schema::{Schema, write};
use factum::{EventLog, NewTopic};
use factum_core::{Claim, EventHeader, Header, Records, Stamp};
use factum_testkit::servers;
use uuid::Uuid;

const PARTITIONS: u32 = 2;
const BATCH: u64 = 5_000;
const KEY: &str = "173688";
const SCHEMA: &str = r#"{"type": "record", "name": "Added", "namespace": "bench.counter", "fields": [
    {"name": "number", "type": "long"},
    {"name": "who", "type": ["null", {"type": "record", "name": "Who", "fields": [{"name": "name", "type": "string"}]}]}
]}"#;

fn set(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

/// So many events in each partition; each number is the event's sequence.
async fn fill(log: &dyn EventLog, topic: &str, count: u64) {
    let new = NewTopic {
        partitions: PARTITIONS,
        replication: Some(1),
    };
    let topic = log.open(topic, Some(new)).await.unwrap();
    let fingerprint = Schema::parse(SCHEMA).unwrap().fingerprint();
    let frame = Frame::SingleObject { fingerprint };
    for partition in 0..PARTITIONS {
        let claim = Claim {
            epoch: 1,
            claimant: Uuid::new_v4(),
            floor: 1,
            partitions: PARTITIONS,
        };
        topic.append(partition, claim.record()).await.unwrap();
        let mut next = 1;
        while next <= count {
            let end = (next + BATCH).min(count + 1);
            topic
                .append(partition, events(frame, next..end))
                .await
                .unwrap();
            next = end;
        }
    }
}

fn events(frame: Frame, sequences: Range<u64>) -> Records {
    let mut records = Records::new();
    for sequence in sequences {
        let header = EventHeader {
            stamp: Stamp {
                epoch: 1,
                sequence,
                index: 0,
                size: 1,
            },
            version: sequence,
            time: sequence as i64 * 1_000_000,
            ..EventHeader::default()
        };
        records.push_encoded(
            KEY.as_bytes(),
            |out| Header::Event(header).encode(out),
            |out| {
                frame.write(out);
                write::long(out, sequence as i64);
                write::long(out, 1);
                write::string(out, KEY);
            },
        );
    }
    records
}

/// A topic of events, and a folder with their schema.
struct Place<'p> {
    dir: &'p Path,
    log: String,
    topic: String,
    events: u64,
}

impl Place<'_> {
    /// One dump, as an operator runs it: how many events it went through in a second.
    fn dump(&self, arguments: &[&str], shown: u64) -> f64 {
        let out = self.dir.join("out");
        let mut command = Command::new(env!("CARGO_BIN_EXE_factum"));
        command
            .args([
                "events",
                "dump",
                &self.topic,
                "--log",
                &self.log,
                "--schemas",
            ])
            .arg(self.dir.join("schemas"))
            .args(arguments)
            .env_remove("FACTUM_REGISTRY")
            .stderr(Stdio::null()) // the bar
            .stdout(File::create(&out).unwrap());
        let begun = Instant::now();
        assert!(command.status().unwrap().success());
        let rate = self.events as f64 / begun.elapsed().as_secs_f64();
        let bytes = fs::read(&out).unwrap();
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines as u64, shown, "{arguments:?}");
        rate
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn tell(json: bool, case: &str, rate: f64) {
    let value = rate.round();
    match json {
        true => println!(
            "{}",
            serde_json::json!({"bench": "dump", "case": case, "value": value, "unit": "events/s"})
        ),
        false => println!("{case:<40} {value:>10} events/s"),
    }
}

#[tokio::main]
async fn main() {
    let json = std::env::args().any(|argument| argument == "--json");
    let each = set("EVENTS", 2_000_000) / u64::from(PARTITIONS);
    let dir = tempfile::tempdir().unwrap();
    let place = Place {
        dir: dir.path(),
        log: format!("kafka://{}", servers::kafka()),
        topic: format!("bench{}.events", Uuid::new_v4().simple()),
        events: each * u64::from(PARTITIONS),
    };
    fs::create_dir(place.dir.join("schemas")).unwrap();
    fs::write(place.dir.join("schemas/1.avsc"), SCHEMA).unwrap();
    let log = factum::open_log(&place.log).await.unwrap();
    fill(&*log, &place.topic, each).await;
    for (case, arguments, shown) in [
        ("as JSON", &["--json"][..], place.events),
        ("as text", &[], place.events),
        (
            "one of each partition",
            &["--where", "number=7"],
            u64::from(PARTITIONS),
        ),
    ] {
        let round = |_| place.dump(arguments, shown);
        let rates = (0..set("ROUNDS", 3)).map(round).collect();
        tell(json, case, median(rates));
    }
}

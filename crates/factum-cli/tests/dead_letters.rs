//! `factum dead-letters`, on what a real worker has parked.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use factum::NewTopic;
use factum::schema::{Reader, Schema, frame, write};
use factum_core::{
    Claim, DecodeError, Event, EventHeader, EventLog, Header, Recorded, Records, Stamp,
};
use factum_projector::{FailurePolicy, Fold, Options, Projector, Row};
use factum_testkit::{MemoryLog, servers};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

const SCHEMA: &str = r#"{
    "type": "record", "name": "Added", "namespace": "test.tally",
    "fields": [{"name": "number", "type": "long"}]
}"#;
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS tally (account text PRIMARY KEY, total bigint NOT NULL)";
const POISON: i64 = 666;

/// A number that an account is to grow by.
#[derive(Clone, Debug)]
struct Added(i64);

impl Event for Added {
    const AGGREGATE: &'static str = "test.tally";

    fn name(&self) -> &'static str {
        "Added"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        frame::write(out, Schema::parse(SCHEMA).unwrap().fingerprint());
        write::long(out, self.0);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let datum = Reader::new(&value[frame::LEN..]).long();
        datum
            .map(Self)
            .map_err(|it| DecodeError::new(it.to_string()))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "tally")]
struct Tally {
    #[row(key)]
    account: String,
    total: i64,
}

/// Sums, by a build that panics at some number.
#[derive(Clone, Copy)]
struct Sums {
    panics_at: i64,
}

const BROKEN: Sums = Sums { panics_at: POISON };
const MENDED: Sums = Sums { panics_at: -1 };

impl Fold for Sums {
    type Event = Added;
    type Row = Tally;
    const NAME: &'static str = "sums";

    fn key(&self, event: &Recorded<Added>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<Tally>, event: &Recorded<Added>) -> Option<Tally> {
        let number = event.event.0;
        assert!(number != self.panics_at, "what is {number}?");
        let total = row.map_or(0, |row| row.total) + number;
        let account = event.id.clone();
        Some(Tally { account, total })
    }
}

/// A log, a read model in a schema of the test's own, and a folder of schemas.
struct System {
    log: Arc<MemoryLog>,
    schema: String,
    client: Client,
    schemas: TempDir,
    sequence: u64,
}

/// A worker that runs until it is dropped.
struct Worker(JoinHandle<()>);

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl System {
    async fn new() -> Self {
        let schema = format!("letters_{}", uuid::Uuid::new_v4().simple());
        let (client, connection) = tokio_postgres::connect(&servers::postgres(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let create = format!("CREATE SCHEMA {schema}; SET search_path = {schema}");
        client.batch_execute(&create).await.unwrap();
        let schemas = tempfile::tempdir().unwrap();
        fs::write(schemas.path().join("1.avsc"), SCHEMA).unwrap();
        let log = Arc::new(MemoryLog::new());
        let system = Self {
            log,
            schema,
            client,
            schemas,
            sequence: 0,
        };
        let claim = Claim {
            epoch: 1,
            claimant: uuid::Uuid::from_u128(1),
            floor: 1,
            partitions: 1,
        };
        system.append(claim.record()).await;
        system
    }

    /// One where `a` is parked from its second event on: letters 0:2 and 0:4.
    async fn parked() -> Self {
        let mut system = Self::new().await;
        for (id, number) in [("a", 1), ("a", POISON), ("b", 5), ("a", 2)] {
            system.add(id, number).await;
        }
        system.project(BROKEN).await;
        system
    }

    async fn append(&self, records: Records) {
        let create = NewTopic {
            partitions: 1,
            ..NewTopic::default()
        };
        let topic = self.log.open(&self.schema, Some(create)).await.unwrap();
        topic.append(0, records).await.unwrap();
    }

    async fn add(&mut self, id: &str, number: i64) {
        self.sequence += 1;
        let stamp = Stamp {
            epoch: 1,
            sequence: self.sequence,
            index: 0,
            size: 1,
        };
        let header = EventHeader {
            stamp,
            version: self.sequence,
            ..EventHeader::default()
        };
        let mut records = Records::new();
        let header = |out: &mut Vec<u8>| Header::Event(header).encode(out);
        records.push_encoded(id.as_bytes(), header, |out| Added(number).encode(out));
        self.append(records).await;
    }

    fn projector(
        &self,
        sums: Sums,
        until_end: bool,
    ) -> (Projector<impl factum_projector::Projection + use<>>, String) {
        let options = Options {
            schema: self.schema.clone(),
            topic: Some(self.schema.clone()),
            failure: FailurePolicy::PARK,
            until_end,
            ..Options::default()
        };
        let url = servers::postgres();
        let sign = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{sign}options=-c%20search_path%3D{}", self.schema);
        (Projector::new(sums).table(TABLE).options(options), url)
    }

    /// Projects up to the end.
    async fn project(&self, sums: Sums) {
        let (projector, url) = self.projector(sums, true);
        let run = projector.run(self.log.clone(), &url, std::future::pending());
        run.await.unwrap();
    }

    fn work(&self, sums: Sums) -> Worker {
        let (projector, url) = self.projector(sums, false);
        let log = self.log.clone();
        Worker(tokio::spawn(async move {
            let run = projector.run(log, &url, std::future::pending());
            run.await.unwrap();
        }))
    }

    async fn total(&self, account: &str) -> i64 {
        let query = "SELECT coalesce(sum(total), 0)::bigint FROM tally WHERE account = $1";
        self.client
            .query_one(query, &[&account])
            .await
            .unwrap()
            .get(0)
    }

    async fn shows(&self, account: &str, total: i64) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        while self.total(account).await != total {
            assert!(tokio::time::Instant::now() < deadline, "never {total}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Runs `factum dead-letters …`: its exit code, and what it says on both outputs.
    fn run(&self, line: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factum"));
        command.arg("dead-letters").args(line.split(' '));
        command.args(["--postgres", &servers::postgres(), "--schema", &self.schema]);
        let output = command.env_remove("FACTUM_SCHEMAS").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let code = output.status.code().unwrap();
        (code, text(&output.stdout), text(&output.stderr))
    }

    /// What it prints with `--json`, and its exit code.
    fn json(&self, line: &str) -> (i32, Vec<Value>) {
        let (code, text, error) = self.run(&format!("{line} --json"));
        assert!(code != 2, "{error}");
        (
            code,
            text.lines()
                .map(|it| serde_json::from_str(it).unwrap())
                .collect(),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_parked_is_listed_by_key_and_letter_by_letter() {
    let system = System::parked().await;
    let (code, keys) = system.json("list");
    assert_eq!((code, keys.len()), (0, 1), "{keys:?}");
    let key = &keys[0];
    assert_eq!(
        (&key["projection"], &key["version"], &key["key"]),
        (&"sums".into(), &1.into(), &"\"a\"".into())
    );
    assert_eq!(
        (&key["letters"], &key["first"], &key["asked"]),
        (&2.into(), &2.into(), &0.into())
    );
    assert!(
        key["error"].as_str().unwrap().contains("what is 666?"),
        "{key}"
    );
    let (_, letters) = system.json("list --all --projection sums --version 1 --key a --id a");
    let sequences: Vec<_> = letters.iter().map(|it| it["sequence"].clone()).collect();
    assert_eq!(sequences, [2, 4]);
    assert_eq!(
        (&letters[1]["error"], &letters[1]["attempts"]),
        (&Value::Null, &0.into())
    );
    for none in [
        "list --key b",
        "list --id b",
        "list --projection other",
        "list --projection sums --version 2",
    ] {
        assert_eq!(system.json(none), (0, vec![]), "{none}");
    }
    let (_, text, _) = system.run("list");
    let row: Vec<_> = text.lines().nth(1).unwrap().split_whitespace().collect();
    let topic = &*system.schema;
    assert_eq!(
        row[..8],
        ["sums", "1", "\"a\"", "a", topic, "0:2", "2", "0"]
    );
    let (_, text, told) = system.run("list --all --limit 1");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(told.contains("--limit"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_is_shown_with_its_value() {
    let system = System::parked().await;
    let (code, shown) = system.json("show 0:2 --projection sums");
    assert_eq!(code, 0);
    let letter = &shown[0];
    assert_eq!(
        (&letter["offset"], &letter["aggregate"], &letter["event"]),
        (&2.into(), &"a".into(), &"Added".into())
    );
    assert_eq!(
        (&letter["topic"], &letter["attempts"]),
        (&system.schema.as_str().into(), &1.into())
    );
    let value = letter["value"].as_str().unwrap();
    assert!(
        value.ends_with("b40a") && letter.get("data").is_none(),
        "zigzag 666: {letter}"
    );
    let schemas = system.schemas.path().display();
    let (_, shown) = system.json(&format!("show 0:2 --projection sums --schemas {schemas}"));
    assert_eq!(shown[0]["data"]["number"], POISON);
    let (_, text, _) = system.run(&format!("show 0:4 --projection sums --schemas {schemas}"));
    assert!(
        text.contains("waits behind another") && text.contains(r#"Added {"number":2}"#),
        "{text}"
    );
    let (code, _, error) = system.run("show 0:3 --projection sums");
    assert!(
        code == 1 && error.contains("0:3 is no dead letter of sums version 1"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_waits_for_a_worker_and_ends_with_nothing_left() {
    let system = System::parked().await;
    let (code, _, error) = system.run("replay --projection sums --key a --wait 0");
    assert!(code == 3 && error.contains("does a worker run"), "{error}");
    assert_eq!(system.json("list").1[0]["asked"], 2);
    system.project(MENDED).await;
    assert_eq!(system.total("a").await, 1 + POISON + 2);
    let (code, _, error) = system.run("replay --projection sums --all");
    assert!(
        code == 1 && error.contains("nothing of it is parked"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_asks_for_what_goes_before_and_tells_what_stays() {
    let system = System::parked().await;
    let worker = system.work(BROKEN);
    let (code, text, error) = system.run("replay --projection sums --letter 0:4 --wait 60");
    assert_eq!(code, 1, "{text}{error}");
    assert!(
        text.contains("1 letters of sums version 1, and 1 that hold these back"),
        "{text}"
    );
    assert!(
        text.contains("0 are gone, 2 stay, 0 were not tried yet"),
        "{text}"
    );
    assert!(error.contains("what is 666?"), "{error}");
    worker.0.abort();
    let _mended = system.work(MENDED);
    let (code, answer) = system.json("replay --projection sums --id a --wait 60");
    assert_eq!(code, 0, "{answer:?}");
    let answer = &answer[0];
    assert_eq!(
        (&answer["letters"], &answer["before"]),
        (&2.into(), &0.into())
    );
    assert_eq!(
        (&answer["gone"], &answer["stay"], &answer["waiting"]),
        (&2.into(), &0.into(), &0.into())
    );
    system.shows("a", 1 + POISON + 2).await;
    let (code, _, error) = system.run("replay --projection sums --key nobody");
    assert!(
        code == 1 && error.contains("nothing of it is parked"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn discarding_shows_first_what_is_lost_and_later_events_go_on() {
    let mut system = System::parked().await;
    let _worker = system.work(BROKEN);
    let (code, text, _) = system.run("discard --projection sums --letter 0:2");
    assert!(
        code == 0
            && text.contains("would discard 1 letters of 1 keys")
            && text.contains("add --yes"),
        "{text}"
    );
    assert!(
        text.contains("1 letters stay behind") && text.contains("without the discarded events"),
        "{text}"
    );
    assert_eq!(system.json("list").1[0]["letters"], 2, "nothing was done");
    let (code, answer) = system.json("discard --projection sums --letter 0:2 --yes");
    assert_eq!(
        (code, &answer[0]["letters"], &answer[0]["behind"]),
        (0, &1.into(), &1.into())
    );
    assert_eq!(answer[0]["discarded"], true);
    let (code, _, error) = system.run("discard --projection sums --letter 0:2 --yes");
    assert!(code == 1 && error.contains("nothing was done"), "{error}");
    assert_eq!(system.run("replay --projection sums --all --wait 60").0, 0);
    system.shows("a", 1 + 2).await;
    system.add("a", 10).await;
    system.shows("a", 1 + 2 + 10).await;
    assert_eq!(system.json("list"), (0, vec![]));
    let (_, _, error) = system.run("list --all");
    let told = format!("no such letters in the schema {}: --schema", system.schema);
    assert!(error.contains(&told), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_was_ever_parked_that_is_told() {
    let system = System::new().await;
    let (code, text, told) = system.run("list --json");
    assert_eq!((code, &*text), (0, ""));
    assert!(told.contains("has no table of dead letters"), "{told}");
    for line in ["show 0:1", "replay --all", "discard --all --yes"] {
        let (code, _, error) = system.run(&format!("{line} --projection sums"));
        assert!(
            code == 1 && error.contains("has no table of dead letters"),
            "{line}: {error}"
        );
    }
    for usage in [
        "replay --projection sums",
        "discard --projection sums --yes",
        "replay --all",
        "show a --projection sums",
    ] {
        assert_eq!(system.run(usage).0, 2, "{usage}");
    }
}

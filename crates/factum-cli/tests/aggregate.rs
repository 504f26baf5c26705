//! `factum aggregate show`, on a log in a folder.

use std::fs;
use std::process::{Command, Output};

use factum::schema::{Reader, Schema, frame, write};
use factum::{
    Aggregate, CheckpointOptions, Checkpoints, Components, DecodeError, Engine, EngineOptions,
    Event, NewTopic, StatusServer, partition_of,
};
use factum_core::{Claim, EventHeader, Handled, Header, Records, Stamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tempfile::TempDir;

const PARTITIONS: u32 = 3;
const SCHEMA: &str = r#"{
    "type": "record", "name": "Added", "namespace": "test.counter", "fields": [
        {"name": "number", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "who", "type": ["null", "string"]}
    ]
}"#;

/// A folder with a log and schemas.
struct System {
    dir: TempDir,
}

/// A partition as it is written.
#[derive(Default)]
struct Written {
    records: Records,
    epoch: u64,
    sequence: u64,
}

impl Written {
    fn claim(&mut self) {
        self.epoch += 1;
        let claim = Claim {
            epoch: self.epoch,
            claimant: factum::uuid::Uuid::from_u128(self.epoch.into()),
            floor: self.sequence + 1,
            partitions: PARTITIONS,
        };
        self.records.push(claim.record().get(0).unwrap());
    }

    /// Parts of one commit, the first of a version, each with its second.
    fn commit(&mut self, id: &str, version: u64, size: u32, seconds: &[i64]) {
        let epoch = self.epoch;
        for (index, seconds) in (0..).zip(seconds) {
            let sequence = self.sequence + 1 + u64::from(index);
            let stamp = Stamp {
                epoch,
                sequence,
                index,
                size,
            };
            let version = version + u64::from(index);
            self.event(id, stamp, version, *seconds);
        }
        if seconds.len() == size as usize {
            self.sequence += u64::from(size);
        }
    }

    fn event(&mut self, id: &str, stamp: Stamp, version: u64, seconds: i64) {
        let time = seconds * 1_000_000;
        let header = EventHeader {
            stamp,
            version,
            time,
            ..EventHeader::default()
        };
        let header = |out: &mut Vec<u8>| Header::Event(header).encode(out);
        let value = |out: &mut Vec<u8>| {
            frame::write(out, Schema::parse(SCHEMA).unwrap().fingerprint());
            write::long(out, version as i64);
            write::long(out, seconds * 1000);
            write::long(out, 1);
            write::string(out, "me");
        };
        self.records.push_encoded(id.as_bytes(), header, value);
    }

    fn handled(&mut self, id: &str) {
        self.sequence += 1;
        let stamp = Stamp {
            epoch: self.epoch,
            sequence: self.sequence,
            index: 0,
            size: 1,
        };
        let header = EventHeader {
            stamp,
            ..EventHeader::default()
        };
        let header = |out: &mut Vec<u8>| Header::Handled(header).encode(out);
        let outcome = |out: &mut Vec<u8>| Handled { outcome: "{}" }.encode(out);
        self.records.push_encoded(id.as_bytes(), header, outcome);
    }
}

impl System {
    /// Aggregate `a` at version 5, among another's events and all that is void.
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schemas = dir.path().join("schemas/test/counter/Added");
        fs::create_dir_all(&schemas).unwrap();
        fs::write(schemas.join("1.avsc"), SCHEMA).unwrap();
        let system = Self { dir };
        let log = factum::open_log(&system.log()).await.unwrap();
        let create = NewTopic {
            partitions: PARTITIONS,
            ..NewTopic::default()
        };
        let topic = log.open("test.counter.events", Some(create)).await.unwrap();
        let mut written = Written::default();
        written.claim();
        written.commit("a", 1, 2, &[10, 20]);
        written.commit("b", 1, 1, &[20]);
        written.handled("a");
        written.commit("a", 3, 2, &[25]); // torn by the claim behind it
        written.claim();
        let zombie = Stamp {
            epoch: 1,
            sequence: 5,
            index: 0,
            size: 1,
        };
        written.event("a", zombie, 3, 26);
        written.commit("a", 3, 2, &[40, 30]); // the clock was set back
        let double = Stamp {
            epoch: 2,
            sequence: 5,
            index: 0,
            size: 2,
        };
        written.event("a", double, 3, 40);
        written.commit("a", 5, 1, &[50]);
        let partition = partition_of(b"a", PARTITIONS);
        topic.append(partition, written.records).await.unwrap();
        system
    }

    fn log(&self) -> String {
        format!("local:{}", self.dir.path().join("log").display())
    }

    fn show(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factum"));
        command.args(["aggregate", "show"]).args(arguments);
        command.args(["--aggregate", "test.counter", "--log", &self.log()]);
        told(&command.current_dir(&self.dir).output().unwrap())
    }

    fn versions(&self, arguments: &[&str]) -> Vec<u64> {
        let (code, text, error) = self.show(&[arguments, &["--json"]].concat());
        assert_eq!(code, 0, "{error}");
        let events = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        events
            .map(|event| event["version"].as_u64().unwrap())
            .collect()
    }
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[tokio::test]
async fn valid_events_are_shown_and_nothing_else() {
    let system = System::new().await;
    assert_eq!(system.versions(&["a"]), [1, 2, 3, 4, 5]);
    let (code, text, error) = system.show(&["a"]);
    assert_eq!((code, &*error), (0, ""));
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    let first =
        r#"1970-01-01T00:00:10Z  Added  {"at":"1970-01-01T00:00:10Z","number":1,"who":"me"}"#;
    assert_eq!(lines[0].trim_start(), format!("1  {first}"));
    let (_, text, _) = system.show(&["a", "--at", "1", "--json"]);
    let event: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        event["data"],
        json!({"number": 1, "at": "1970-01-01T00:00:10Z", "who": "me"})
    );
    assert_eq!(
        (&event["event"], &event["offset"]),
        (&json!("Added"), &json!(1))
    );
}

#[tokio::test]
async fn the_past_ends_at_a_version_or_a_moment() {
    let system = System::new().await;
    assert_eq!(system.versions(&["a", "--at", "3"]), [1, 2, 3]);
    assert_eq!(system.versions(&["a", "--at", "0"]), [0; 0]);
    assert_eq!(
        system.versions(&["a", "--at", "1970-01-01T00:00:20Z"]),
        [1, 2]
    );
    // Event 3 bears a later time than 4, and came before it.
    assert_eq!(
        system.versions(&["a", "--at", "1970-01-01T00:00:30Z"]),
        [1, 2, 3, 4]
    );
    assert_eq!(
        system.versions(&["a", "--at", "1970-01-01T00:00:05Z"]),
        [0; 0]
    );
    let (code, _, error) = system.show(&["a", "--at", "6"]);
    assert_eq!(
        (code, &*error),
        (1, "factum: `a` has no version 6: it is at version 5\n")
    );
    assert_eq!(system.show(&["a", "--at", "yesterday"]).0, 2);
}

#[tokio::test]
async fn a_file_that_is_no_schema_costs_its_own_events_only() {
    let system = System::new().await;
    let expected = system.show(&["a", "--json"]);
    fs::write(system.dir.path().join("schemas/test/counter/2.avsc"), "{}").unwrap();
    let (code, text, error) = system.show(&["a", "--json"]);
    assert_eq!((code, text), (0, expected.1));
    assert!(
        error.contains("schemas/test/counter/2.avsc is no schema: "),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let system = System::new().await;
    let (code, text, error) = system.show(&["nobody"]);
    assert_eq!((code, &*text), (1, ""));
    assert!(
        error.starts_with("factum: `nobody` has no events in test.counter.events"),
        "{error}"
    );
    let (code, _, error) = system.show(&["a", "--schemas", "nowhere"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("cannot read the schemas in nowhere: there is no such folder; name the one that holds the .avsc files with --schemas"),
        "{error}"
    );
    fs::remove_file(system.dir.path().join("schemas/test/counter/Added/1.avsc")).unwrap();
    let (code, text, _) = system.show(&["a", "--json", "--at", "1"]);
    let event: Value = serde_json::from_str(&text).unwrap();
    let why = event["unreadable"].as_str().unwrap();
    assert!(code == 0 && why.contains("--schemas"), "{text}");
}

/// A number that a counter grew by, in the form of the schema.
#[derive(Clone, Debug, PartialEq)]
struct Added(i64);

impl Event for Added {
    const AGGREGATE: &'static str = "test.counter";

    fn name(&self) -> &'static str {
        "Added"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        frame::write(out, Schema::parse(SCHEMA).unwrap().fingerprint());
        write::long(out, self.0);
        write::long(out, 0);
        write::long(out, 0);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let datum = Reader::new(&value[frame::LEN..]).long();
        datum
            .map(Self)
            .map_err(|it| DecodeError::new(it.to_string()))
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Counter;

impl Aggregate for Counter {
    type Command = i64;
    type Event = Added;
    type Rejection = ();

    fn decide(&self, number: i64) -> Result<Vec<Added>, ()> {
        Ok(vec![Added(number)])
    }

    fn apply(&mut self, _: &Added) {}
}

/// A service on a log in a folder, and where it serves its status.
async fn serve(system: &System, tell_history: bool) -> (Engine<Counter>, StatusServer, String) {
    let components = Components::new();
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions: PARTITIONS,
            ..NewTopic::default()
        }),
        components: components.clone(),
        ..EngineOptions::default()
    };
    let checkpoints = CheckpointOptions {
        history: true,
        tell_history,
        ..CheckpointOptions::in_dir(system.dir.path().join("checkpoints"))
    };
    let log = factum::open_log(&system.log()).await.unwrap();
    let builder = Engine::builder(log).options(options);
    let builder = builder.checkpoints(Checkpoints::new(checkpoints));
    let engine = builder.start().await.unwrap();
    let server = StatusServer::start("127.0.0.1:0", components, std::future::pending()).await;
    let server = server.unwrap();
    let url = format!("http://{}", server.address());
    (engine, server, url)
}

/// `factum` on a thread, so that the service can answer.
async fn ask(system: &System, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factum"));
    command.args(["aggregate", "show", "--aggregate", "test.counter"]);
    command.args(arguments).current_dir(&system.dir);
    let output = tokio::task::spawn_blocking(move || command.output());
    told(&output.await.unwrap().unwrap())
}

#[tokio::test]
async fn a_service_tells_what_the_log_holds() {
    let system = System::new().await;
    let (engine, _server, url) = serve(&system, true).await;
    let id = "a&b = ü/%"; // whatever an id may be
    for number in 1..=2100 {
        engine.execute(id, number).await.unwrap();
    }
    engine.execute("a", 6).await.unwrap();
    for id in [id, "a"] {
        for at in [&[][..], &["--at", "3"], &["--at", "1970-01-01T00:00:30Z"]] {
            let asked = [&[id, "--json"], at].concat();
            let (code, told, error) =
                ask(&system, &[&asked[..], &["--service", &url]].concat()).await;
            assert_eq!((code, &*error), (0, ""), "{asked:?}");
            let (_, read, _) =
                ask(&system, &[&asked[..], &["--log", &system.log()]].concat()).await;
            assert_eq!(told, read, "{asked:?}");
        }
    }
    let (_, told, _) = ask(&system, &[id, "--service", &url]).await;
    assert_eq!(told.lines().count(), 2100, "over several pages");
    let (code, _, error) = ask(&system, &["a", "--at", "7", "--service", &url]).await;
    assert_eq!(
        (code, error.contains("it is at version 6")),
        (1, true),
        "{error}"
    );
    let (code, _, error) = ask(&system, &["nobody", "--service", &url]).await;
    assert_eq!(
        (code, error.contains("no events in test.counter.events")),
        (1, true),
        "{error}"
    );
}

#[tokio::test]
async fn where_no_service_tells_the_log_is_read() {
    let system = System::new().await;
    let (_engine, _server, url) = serve(&system, false).await;
    let nobody = "http://127.0.0.1:1";
    let services = format!("{nobody},{url}");
    let asked = ["a", "--json", "--service", &services];
    let (code, _, error) = ask(&system, &asked).await;
    assert_eq!(code, 1);
    let why =
        format!("{url} does not tell the history: no engine of test.counter tells a history here");
    assert!(error.contains(&why) && error.contains(nobody), "{error}");
    let (code, text, error) = ask(&system, &[&asked[..], &["--log", &system.log()]].concat()).await;
    assert_eq!((code, text.lines().count()), (0, 5), "{error}");
    assert!(error.contains(&why), "{error}");
    assert_eq!(ask(&system, &["a"]).await.0, 2);
}

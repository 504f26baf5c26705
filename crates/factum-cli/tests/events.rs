//! `factum events`, on a log in a folder, on Kafka, and with a real registry.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use factum::schema::frame::Frame;
use factum::schema::{Schema, write};
use factum::{EventLog, NewTopic};
use factum_core::{Claim, EventHeader, Handled, Header, RecordRef, Records, Stamp};
use factum_registry::{HttpRegistry, Registry, SchemaText, Settings};
use factum_testkit::servers;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

const PARTITIONS: u32 = 2;

fn schema(space: &str) -> String {
    json!({"type": "record", "name": "Added", "namespace": space, "fields": [
        {"name": "number", "type": "long"},
        {"name": "who", "type": ["null", {"type": "record", "name": "Who", "fields": [
            {"name": "name", "type": "string"}]}]}]})
    .to_string()
}

fn framed(space: &str) -> Frame {
    Frame::SingleObject {
        fingerprint: Schema::parse(&schema(space)).unwrap().fingerprint(),
    }
}

/// A partition as it is written: each event's number is its sequence.
struct Written {
    frame: Frame,
    records: Records,
    epoch: u64,
    sequence: u64,
}

impl Written {
    fn with(frame: Frame) -> Self {
        Self {
            frame,
            records: Records::new(),
            epoch: 0,
            sequence: 0,
        }
    }

    fn claim(&mut self) {
        self.epoch += 1;
        let claim = Claim {
            epoch: self.epoch,
            claimant: Uuid::from_u128(self.epoch.into()),
            floor: self.sequence + 1,
            partitions: PARTITIONS,
        };
        self.records.push(claim.record().get(0).unwrap());
    }

    /// Whole commits of one event each, a second apart.
    fn events(&mut self, key: &str, count: u64) {
        for _ in 0..count {
            self.sequence += 1;
            self.event(key, self.epoch, self.sequence, 1);
        }
    }

    /// The first part of a commit of so many.
    fn event(&mut self, key: &str, epoch: u64, sequence: u64, size: u32) {
        let stamp = Stamp {
            epoch,
            sequence,
            index: 0,
            size,
        };
        let header = EventHeader {
            stamp,
            version: sequence,
            time: sequence as i64 * 1_000_000,
            ..EventHeader::default()
        };
        let frame = self.frame;
        self.records.push_encoded(
            key.as_bytes(),
            |out| Header::Event(header).encode(out),
            |out| {
                frame.write(out);
                write::long(out, sequence as i64);
                write::long(out, 1);
                write::string(out, key);
            },
        );
    }

    fn handled(&mut self, key: &str) {
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
        self.records.push_encoded(
            key.as_bytes(),
            |out| Header::Handled(header).encode(out),
            |out| Handled { outcome: "{}" }.encode(out),
        );
    }

    /// A record with a header that nobody can read.
    fn damaged(&mut self, key: &[u8], header: &[u8]) {
        self.records.push(RecordRef {
            key,
            header: Some(header),
            value: b"",
        });
    }

    fn foreign(&mut self, value: &[u8]) {
        self.records.push(RecordRef {
            key: b"",
            header: None,
            value,
        });
    }
}

async fn append(log: &Arc<dyn EventLog>, topic: &str, partition: u32, records: Records) {
    let create = NewTopic {
        partitions: PARTITIONS,
        replication: Some(1),
    };
    let topic = log.open(topic, Some(create)).await.unwrap();
    topic.append(partition, records).await.unwrap();
}

/// A folder with a log, a topic `test.counter.events`, and schemas.
struct System(TempDir);

impl System {
    async fn new(written: Written) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schemas = dir.path().join("schemas/test/counter/Added");
        fs::create_dir_all(&schemas).unwrap();
        fs::write(schemas.join("1.avsc"), schema("test.counter")).unwrap();
        let system = Self(dir);
        system.append(written).await;
        system
    }

    async fn append(&self, written: Written) {
        let log = factum::open_log(&self.log()).await.unwrap();
        append(&log, "test.counter.events", 0, written.records).await;
    }

    /// Writes a file of the schemas, below `test/`.
    fn schema(&self, name: &str, text: &str) {
        let path = self.0.path().join("schemas/test").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn log(&self) -> String {
        format!("local:{}", self.0.path().join("log").display())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(self.0.path(), &self.log(), "test.counter.events", arguments)
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        told(&self.command(arguments).output().unwrap())
    }

    /// The numbers of the events that a dump shows.
    fn numbers(&self, arguments: &[&str]) -> Vec<u64> {
        let (code, text, error) = self.run(&[&["dump", "--json"], arguments].concat());
        assert_eq!((code, &*error), (0, ""));
        numbers(&text)
    }
}

fn command(dir: &Path, log: &str, topic: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factum"));
    command
        .arg("events")
        .args(arguments)
        .args([topic, "--log", log]);
    for name in ["FACTUM_SCHEMAS", "FACTUM_REGISTRY"] {
        command.env_remove(name);
    }
    command.env("XDG_CACHE_HOME", dir).current_dir(dir);
    command
}

fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let code = output.status.code().unwrap_or(-1);
    (code, text(&output.stdout), text(&output.stderr))
}

fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).unwrap();
    text.lines().map(line).collect()
}

fn numbers(text: &str) -> Vec<u64> {
    let number = |it: &Value| it["data"]["number"].as_u64().unwrap();
    lines(text).iter().map(number).collect()
}

/// Two valid events, a torn commit, what a zombie wrote, a record without events, a stranger's, and two more.
fn everything() -> Written {
    let mut written = Written::with(framed("test.counter"));
    written.claim(); // offset 0
    written.events("a", 2); // 1, 2
    written.event("b", 1, 3, 2); // 3, torn
    written.claim(); // 4
    written.event("b", 1, 3, 1); // 5, a zombie's
    written.handled("a"); // 6, sequence 3
    written.foreign(b"{\"hello\": 1}"); // 7
    written.events("c", 2); // 8, 9: sequences 4 and 5
    written.event("c", 2, 5, 1); // 10, a double
    written
}

#[tokio::test]
async fn valid_events_are_shown_and_what_is_void_on_request() {
    let system = System::new(everything()).await;
    assert_eq!(system.numbers(&[]), [1, 2, 4, 5]);
    let (code, text, error) = system.run(&["dump", "--json", "--void", "--claims"]);
    assert_eq!(code, 0, "{error}");
    assert!(
        error.contains("offset 7 cannot be read: the value looks like JSON"),
        "{error}"
    );
    let told: Vec<_> = lines(&text)
        .iter()
        .map(|it| {
            (
                it["offset"].as_u64().unwrap(),
                it["void"].as_str().unwrap_or("").to_owned(),
            )
        })
        .collect();
    let expected = [
        (0, ""),
        (1, ""),
        (2, ""),
        (3, "its commit was never finished"),
        (4, ""),
        (5, "its writer had lost the partition"),
        (6, ""),
        (7, "Factum did not write it"),
        (8, ""),
        (9, ""),
        (10, "it was there before"),
    ];
    assert_eq!(
        told,
        expected.map(|(offset, void)| (offset, void.to_owned()))
    );
    let records: Vec<_> = lines(&text).iter().map(|it| it["record"].clone()).collect();
    assert_eq!(
        (&records[4], &records[6]),
        (&json!("claim"), &json!("handled"))
    );
}

#[tokio::test]
async fn an_event_is_shown_with_all_that_is_known_of_it() {
    let system = System::new(everything()).await;
    let (code, text, _) = system.run(&["dump", "--limit", "1"]);
    let line = r#"0:1  1970-01-01T00:00:01Z  a  1  Added  {"number":1,"who":{"name":"a"}}"#;
    assert_eq!((code, &*text), (0, &*format!("{line}\n")));
    let (_, text, _) = system.run(&["dump", "--limit", "1", "--json"]);
    let fingerprint = Schema::parse(&schema("test.counter"))
        .unwrap()
        .fingerprint();
    let expected = json!({
        "partition": 0, "offset": 1, "key": "a", "sequence": 1, "version": 1, "time": "1970-01-01T00:00:01Z",
        "command": "00000000-0000-0000-0000-000000000000", "event": "test.counter.Added",
        "schema": {"fingerprint": format!("{fingerprint:016x}"), "version": 1}, "data": {"number": 1, "who": {"name": "a"}}});
    assert_eq!(lines(&text), [expected]);
}

#[tokio::test]
async fn what_is_asked_for_is_shown() {
    let system = System::new(everything()).await;
    for (arguments, expected) in [
        (&["--where", "number=4"][..], &[4][..]),
        (&["--where", "who.name=c"], &[4, 5]),
        (&["--where", "who.name=c", "--where", "number=2"], &[]),
        (&["--type", "Added"], &[1, 2, 4, 5]),
        (
            &["--type", "test.counter.Added", "--limit", "3"],
            &[1, 2, 4],
        ),
        (&["--key", "a"], &[1, 2]),
        (&["--from", "1970-01-01T00:00:04Z"], &[4, 5]),
        (&["--from", "9", "--partition", "0"], &[5]),
        (&["--from", "end"], &[]),
        (&["--partition", "1"], &[]),
        // The folder beside it has what no registry is asked for.
        (&["--registry", "http://127.0.0.1:1"], &[1, 2, 4, 5]),
    ] {
        assert_eq!(system.numbers(arguments), expected, "{arguments:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_told() {
    let system = System::new(everything()).await;
    for (arguments, why) in [
        (&["--partition", "2"][..], "there is no partition 2"),
        (
            &["--schemas", "nowhere"],
            "cannot read the schemas in nowhere",
        ),
        (
            &["--registry", "nowhere"],
            "registry's address is of no use",
        ),
    ] {
        let (code, text, error) = system.run(&[&["dump"], arguments].concat());
        assert_eq!((code, &*text), (1, ""), "{error}");
        assert!(error.contains(why), "{error}");
    }
    let (code, _, error) = system.run(&["dump", "--from", "9"]);
    assert!(code == 2 && error.contains("needs --partition"), "{error}");
    let (code, _, error) = system.run(&["dump", "--where", "number"]);
    assert!(code == 2 && error.contains("no `=`"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_decoded_ends_only_a_strict_dump() {
    let mut written = Written::with(Frame::SingleObject { fingerprint: 1 });
    written.claim();
    written.events("a", 1);
    written.frame = Frame::Confluent { id: 7 };
    written.events("a", 1);
    written.frame = framed("test.counter");
    written.events("a", 1);
    let system = System::new(written).await;
    let (code, text, error) = system.run(&["dump", "--json"]);
    assert_eq!(code, 0, "{error}");
    let events = lines(&text);
    assert_eq!(events.len(), 3);
    assert!(
        events[0]["unreadable"]
            .as_str()
            .unwrap()
            .contains("name the folder"),
        "{text}"
    );
    assert!(
        events[1]["unreadable"]
            .as_str()
            .unwrap()
            .contains("the id 7 in a registry"),
        "{text}"
    );
    assert_eq!(events[2]["data"]["number"], 3);
    assert!(
        error.contains("test.counter.events partition 0 offset 1 cannot be read"),
        "{error}"
    );
    let (code, _, error) = system.run(&["dump", "--strict"]);
    assert_eq!(code, 1);
    assert!(
        error.contains("offset 1: its schema, 0000000000000001"),
        "{error}"
    );
    // A filter by content leaves out what has none, and tells it all the same.
    let (_, text, error) = system.run(&["dump", "--json", "--type", "Added"]);
    assert_eq!(numbers(&text), [3]);
    assert!(error.contains("offset 2 cannot be read"), "{error}");
}

/// The schema that refers to a type which the tree shares, and the one that it is with the type in it.
fn sharing() -> (String, String) {
    let event = |who: Value| {
        json!({"type": "record", "name": "Added", "namespace": "test.counter", "references": {"test.Who": 2}, "fields": [
            {"name": "number", "type": "long"},
            {"name": "who", "type": ["null", who]}]})
        .to_string()
    };
    (event(json!("test.Who")), event(who("name")))
}

fn who(field: &str) -> Value {
    json!({"type": "record", "name": "Who", "namespace": "test", "fields": [{"name": field, "type": "string"}]})
}

fn frame_of(schema: &str) -> Frame {
    Frame::SingleObject {
        fingerprint: Schema::parse(schema).unwrap().fingerprint(),
    }
}

#[tokio::test]
async fn a_file_may_refer_to_types_that_its_tree_shares() {
    let (file, whole) = sharing();
    let mut written = Written::with(framed("test.counter"));
    written.claim();
    written.events("a", 1);
    written.frame = frame_of(&whole);
    written.events("b", 1);
    let system = System::new(written).await;
    system.schema("counter/Added/2.avsc", &file);
    system.schema("types/Who/1.avsc", &who("nickname").to_string());
    system.schema("types/Who/2.avsc", &who("name").to_string());
    assert_eq!(system.numbers(&["--strict"]), [1, 2]);
    // Of the tree, one event's folder knows the types, too.
    assert_eq!(
        system.numbers(&["--strict", "--schemas", "schemas/test/counter"]),
        [1, 2]
    );
    assert_eq!(system.numbers(&["--where", "who.name=b"]), [2]);
    let (_, _, error) = system.run(&["dump", "--type", "Removed"]);
    assert_eq!(
        error,
        "no schema has the name Removed: there are test.counter.Added\n"
    );
}

#[tokio::test]
async fn json_says_which_version_wrote_an_event() {
    let other = schema("test.counter").replace("Who", "Whom");
    let mut written = Written::with(framed("test.counter"));
    written.claim();
    written.events("a", 1);
    written.frame = frame_of(&other);
    written.events("b", 1);
    let system = System::new(written).await;
    system.schema("counter/Added/10.avsc", &other);
    // With the same names and types as version 10: values of these two nobody can tell apart.
    system.schema("counter/Added/9.avsc", &other);
    let versions = |arguments: &[&str]| {
        let (code, text, error) = system.run(&[&["dump", "--json"], arguments].concat());
        assert_eq!((code, &*error), (0, ""));
        let version = |it: &Value| it["schema"]["version"].as_u64();
        lines(&text).iter().map(version).collect::<Vec<_>>()
    };
    assert_eq!(versions(&[]), [Some(1), Some(10)]);
    // What lies as no version does has none.
    let flat = system.0.path().join("flat");
    fs::create_dir(&flat).unwrap();
    fs::write(flat.join("added.avsc"), schema("test.counter")).unwrap();
    fs::write(flat.join("other.avsc"), &other).unwrap();
    assert_eq!(versions(&["--schemas", "flat"]), [None, None]);
}

#[tokio::test]
async fn without_schemas_it_is_told_where_they_may_come_from() {
    let system = System::new(everything()).await;
    fs::remove_dir_all(system.0.path().join("schemas")).unwrap();
    let (code, text, error) = system.run(&["dump"]);
    assert_eq!((code, &*text), (1, ""));
    let told = "factum: there are no schemas to read events with: there is no folder `schemas` here. Name the folder that \
                holds the .avsc files with --schemas, or a schema registry with --registry\n";
    assert_eq!(error, told);
}

#[tokio::test]
async fn a_file_that_is_no_schema_costs_its_own_events_only() {
    let (file, whole) = sharing();
    let mut written = Written::with(framed("test.counter"));
    written.claim();
    written.events("a", 1);
    written.frame = frame_of(&whole);
    written.events("b", 1);
    let system = System::new(written).await;
    system.schema("counter/Added/2.avsc", &file); // and there is no type
    let (code, text, error) = system.run(&["dump", "--json"]);
    let events = lines(&text);
    assert_eq!((code, events.len()), (0, 2), "{error}");
    assert_eq!(events[0]["data"]["number"], 1);
    assert!(events[1]["unreadable"].is_string(), "{text}");
    let told = "schemas/test/counter/Added/2.avsc is no schema: /references: there is no version 2 of a shared type \
                `test.Who`; events that were written with it cannot be decoded\n";
    assert!(error.starts_with(told), "{error}");
}

#[tokio::test]
async fn a_pipe_that_is_closed_ends_it_quietly() {
    let mut written = Written::with(framed("test.counter"));
    written.claim();
    written.events("a", 20_000);
    let system = System::new(written).await;
    let mut command = system.command(&["dump", "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(numbers(&line), [1]);
    let (mut error, status) = (String::new(), child.wait().unwrap());
    child.stderr.unwrap().read_to_string(&mut error).unwrap();
    assert_eq!((status.code(), &*error), (Some(0), ""));
}

/// Ends when it goes out of scope, whatever became of the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Longer than any of this takes.
const TOO_LONG: Duration = Duration::from_secs(120);

fn signal(id: &str, name: &str) {
    let signal = format!("-{name}");
    let sent = Command::new("kill").args([&signal, id]).status();
    assert!(sent.unwrap().success());
}

/// A dump that is held up in a write, since nobody reads on behind its first line.
struct HeldUp {
    child: Running,
    id: String,
    output: BufReader<ChildStdout>,
    first: String,
    /// What it says on standard error.
    told: mpsc::Receiver<String>,
}

impl HeldUp {
    fn start(system: &System) -> Self {
        let mut command = system.command(&["dump", "--json"]);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running(command.env("RUST_LOG", "factum=info").spawn().unwrap());
        let mut output = BufReader::new(child.0.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        let (tell, told) = mpsc::channel();
        let error = BufReader::new(child.0.stderr.take().unwrap());
        thread::spawn(move || error.lines().try_for_each(|line| tell.send(line.unwrap())));
        Self {
            id: child.0.id().to_string(),
            child,
            output,
            first,
            told,
        }
    }

    /// Sends a signal, and waits until it is minded.
    fn tell(&self, name: &str) {
        signal(&self.id, name);
        while !self.next_told().contains("told to stop") {}
    }

    fn next_told(&self) -> String {
        self.told.recv_timeout(TOO_LONG).expect("it says so")
    }

    fn code(&mut self) -> Option<i32> {
        let deadline = Instant::now() + TOO_LONG;
        loop {
            match self.child.0.try_wait().unwrap() {
                Some(status) => return status.code(),
                None => assert!(Instant::now() < deadline, "it does not end"),
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// More than a pipe, all buffers and what is read ahead hold together.
async fn much() -> System {
    let mut written = Written::with(framed("test.counter"));
    written.claim();
    written.events("a", MUCH);
    System::new(written).await
}

const MUCH: u64 = 100_000;

#[tokio::test]
async fn a_dump_that_is_interrupted_ends_after_whole_lines_and_says_so() {
    let system = much().await;
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut dump = HeldUp::start(&system);
        dump.tell(name);
        let mut text = std::mem::take(&mut dump.first);
        dump.output.read_to_string(&mut text).unwrap();
        assert_eq!(dump.code(), Some(code));
        let shown = numbers(&text).len() as u64;
        assert!(text.ends_with('\n') && shown < MUCH / 2, "{shown} events");
        let told = format!("factum: not complete: SIG{name} came before the end");
        assert_eq!(dump.next_told(), told);
    }
}

#[tokio::test]
async fn a_second_signal_ends_a_dump_that_nobody_reads() {
    let system = much().await;
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut dump = HeldUp::start(&system);
        dump.tell("INT");
        signal(&dump.id, name);
        assert_eq!(dump.code(), Some(code));
    }
}

#[tokio::test]
async fn a_tail_follows_until_ctrl_c() {
    let mut written = Written::with(framed("test.counter"));
    written.claim();
    written.events("a", 3);
    let (mut more, epoch) = (Written::with(framed("test.counter")), written.epoch);
    (more.epoch, more.sequence) = (epoch, written.sequence);
    more.events("b", 2);
    let system = System::new(written).await;
    let mut command = system.command(&["tail", "--json", "--from", "3", "--partition", "0"]);
    let mut child = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut output = BufReader::new(child.0.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        numbers(&line)[0]
    };
    assert_eq!(next(), 3);
    system.append(more).await;
    assert_eq!([next(), next()], [4, 5]);
    let id = child.0.id().to_string();
    signal(&id, "INT");
    let ended = tokio::task::spawn_blocking(move || child.0.wait().unwrap());
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_counted_and_the_dump_goes_on() {
    let mut written = Written::with(framed("test.counter"));
    written.claim();
    written.events("a", 1);
    written.damaged(b"a", &[1, 9]); // offset 2
    written.damaged(b"b", &[7]); // 3
    written.events("a", 1);
    let system = System::new(written).await;
    let counted = "2 records have a header that cannot be read, first partition 0 offset 2: the header has an unknown \
                   kind. What it was nobody knows, and programs stop there";
    let (code, text, error) = system.run(&["dump", "--json"]);
    assert_eq!((code, numbers(&text)), (0, vec![1, 2]));
    assert_eq!(error, format!("{counted}. --void shows them\n"));
    let (code, text, error) = system.run(&["dump", "--json", "--void"]);
    assert_eq!(code, 0);
    assert!(error.ends_with(&format!("{counted}\n")), "{error}");
    let void: Vec<_> = lines(&text).iter().map(|it| it["void"].clone()).collect();
    let kind = "its header cannot be read: the header has an unknown kind";
    let format = "its header cannot be read: header format version 7 is newer than this build, which knows version 1: \
                  upgrade Factum";
    assert_eq!(void, [Value::Null, json!(kind), json!(format), Value::Null]);
    let (_, text, _) = system.run(&["dump", "--void"]);
    assert!(text.contains(&format!("0:2  a  VOID ({kind})  ")), "{text}");
    let (code, _, error) = system.run(&["dump", "--strict"]);
    assert_eq!(code, 1);
    assert!(error.contains(&format!("offset 2: {kind}")), "{error}");
}

#[tokio::test]
async fn what_would_act_on_a_terminal_is_escaped_in_text() {
    let mut written = Written::with(framed("test.counter"));
    written.claim();
    written.events("a\u{1b}[2J\u{9b}", 1);
    written.foreign(b"");
    let mut bytes = Written::with(framed("test.counter"));
    (bytes.epoch, bytes.sequence) = (written.epoch, written.sequence);
    bytes.records = std::mem::take(&mut written.records);
    bytes.events("b", 1);
    let mut records = Records::new();
    for place in 0..bytes.records.len() {
        let record = bytes.records.get(place).unwrap();
        let key = if record.key == b"b" {
            b"b\xff"
        } else {
            record.key
        };
        records.push(RecordRef { key, ..record });
    }
    bytes.records = records;
    let system = System::new(bytes).await;
    let (code, text, error) = system.run(&["dump"]);
    assert_eq!((code, &*error), (0, ""));
    let first = r#"a\u{1b}[2J\u{9b}  1  Added  {"number":1,"who":{"name":"a\u001b[2J\u009b"}}"#;
    let second = r#"b\xff  2  Added  {"number":2,"who":{"name":"b"}}"#;
    let mut shown = text.lines();
    assert!(shown.next().unwrap().ends_with(first), "{text}");
    assert!(shown.next().unwrap().ends_with(second), "{text}");
    // JSON says it as it is.
    let (_, text, _) = system.run(&["dump", "--json"]);
    let lines = lines(&text);
    assert_eq!(lines[0]["key"], "a\u{1b}[2J\u{9b}");
    assert_eq!(lines[1]["key"], Value::Null);
    assert_eq!(lines[1]["key_base64"], "Yv8=");
}

#[tokio::test]
async fn a_type_that_no_schema_has_is_told() {
    let system = System::new(everything()).await;
    let told = "no schema has the name Removed: there are test.counter.Added\n";
    for sources in [&[][..], &["--registry", "http://127.0.0.1:1"]] {
        let arguments = [&["dump", "--type", "Added,Removed", "--json"], sources].concat();
        let (code, text, error) = system.run(&arguments);
        assert_eq!((code, numbers(&text), &*error), (0, vec![1, 2, 4, 5], told));
    }
}

#[tokio::test]
async fn a_field_that_no_schema_has_is_told() {
    let system = System::new(everything()).await;
    let told =
        "no schema of the events asked for has the field nubmer, who.nmae: there are number, who\n";
    let wrong = [
        "dump",
        "--json",
        "--where",
        "nubmer=1",
        "--where",
        "who.nmae=a",
    ];
    for more in [
        &[][..],
        &["--type", "Added"],
        &["--registry", "http://127.0.0.1:1"],
    ] {
        let (code, text, error) = system.run(&[&wrong, more].concat());
        assert_eq!((code, &*text, &*error), (0, "", told), "{more:?}");
    }
    let (code, text, error) = system.run(&[
        "dump",
        "--where",
        "who.name=nobody",
        "--where",
        "number=1",
        "--strict",
    ]);
    assert_eq!((code, &*text, &*error), (0, "", ""));
}

#[tokio::test]
async fn a_strict_dump_wants_names_that_a_schema_has() {
    let system = System::new(everything()).await;
    for wrong in [["--where", "nubmer=1"], ["--type", "Added,Removed"]] {
        let (code, text, error) = system.run(&[&["dump", "--strict"][..], &wrong].concat());
        assert_eq!((code, &*text), (2, ""), "{error}");
        assert!(error.starts_with("no schema "), "{error}");
        assert!(error.contains("\nfactum: nothing was read: "), "{error}");
    }
    // A registry may have more.
    let arguments = [
        "dump",
        "--strict",
        "--json",
        "--type",
        "Added,Removed",
        "--registry",
        "http://127.0.0.1:1",
    ];
    let (code, text, error) = system.run(&arguments);
    assert_eq!((code, numbers(&text)), (0, vec![1, 2, 4, 5]), "{error}");
}

#[tokio::test]
async fn a_topic_without_factums_records_is_told() {
    let mut written = Written::with(framed("test.counter"));
    written.foreign(b"{}");
    written.foreign(b"{}");
    let system = System::new(written).await;
    let (code, text, error) = system.run(&["dump"]);
    assert_eq!((code, &*text), (0, ""));
    let told = "none of the 2 records of test.counter.events has the header `factum`: other programs wrote them. Of the \
                first, the value looks like JSON";
    assert!(error.starts_with(told), "{error}");
    assert!(error.ends_with(". --void shows them\n"), "{error}");
    let (_, text, error) = system.run(&["dump", "--void"]);
    assert_eq!(text.lines().count(), 2);
    assert!(!error.contains("none of"), "{error}");

    let system = System::new(Written::with(framed("test.counter"))).await;
    let (code, _, error) = system.run(&["dump"]);
    assert_eq!((code, &*error), (0, "test.counter.events has no records\n"));
    assert!(system.numbers(&["--partition", "1"]).is_empty());
}

#[tokio::test]
async fn nobody_who_says_stop_waits_for_a_registry() {
    let mut written = Written::with(Frame::Confluent { id: 7 });
    written.claim();
    written.events("a", 1);
    let system = System::new(written).await;
    // It takes what it is asked, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut command = system.command(&["dump", "--registry", &url]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = Running(command.spawn().unwrap());
    let id = child.0.id().to_string();
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = child;
        let asked = listener.accept().unwrap();
        signal(&id, "INT");
        let code = child.0.wait().unwrap().code();
        drop(asked);
        listener.set_nonblocking(true).unwrap();
        // Whoever had waited for the answer would have asked again.
        (code, listener.accept().is_err())
    });
    let ended = tokio::time::timeout(Duration::from_secs(120), ended).await;
    assert_eq!(ended.unwrap().unwrap(), (Some(130), true));
}

/// A namespace and a topic of the test's own: servers live on between runs.
fn own() -> (String, String) {
    let space = format!("t{}", Uuid::new_v4().simple());
    let topic = format!("{space}.events");
    (space, topic)
}

#[tokio::test]
async fn events_on_kafka_are_read_in_both_frames() {
    let (space, topic) = own();
    let url = servers::registry();
    let (text, settings) = (schema(&space), Settings::parse(&url).unwrap());
    // The client blocks, as a program's start may.
    let id = tokio::task::spawn_blocking(move || {
        let registry = HttpRegistry::connect(&settings).unwrap();
        let subject = format!("{space}.Added");
        (
            registry
                .register(&subject, &SchemaText::whole(text))
                .unwrap(),
            space,
        )
    });
    let (id, space) = id.await.unwrap();
    let log_url = format!("kafka://{}", servers::kafka());
    let log = factum::open_log(&log_url).await.unwrap();
    let mut written = Written::with(Frame::Confluent { id });
    written.claim();
    written.events("a", 2);
    written.frame = framed(&space);
    written.events("a", 1);
    append(&log, &topic, 1, written.records).await;

    let dir = tempfile::tempdir().unwrap();
    let arguments = ["dump", "--json", "--registry", &url];
    let dump = || {
        told(
            &command(dir.path(), &log_url, &topic, &arguments)
                .output()
                .unwrap(),
        )
    };
    let (code, _, error) = dump();
    assert_eq!(code, 0, "{error}");
    // The registry's schema reads the other frame, too, once it is kept: it has the same fingerprint.
    let text = dump().1;
    assert_eq!(numbers(&text), [1, 2, 3], "{text}");
    let ids: Vec<_> = lines(&text)
        .iter()
        .map(|it| it["schema"]["id"].as_u64())
        .collect();
    let named = Some(u64::from(id));
    assert_eq!(ids, [named, named, None]);
    assert!(dir.path().join("factum/registry").is_dir());

    // What was asked for once needs no registry that answers.
    let arguments = ["dump", "--json", "--registry", "http://127.0.0.1:1"];
    let nobody = command(
        dir.path(),
        &log_url,
        &topic,
        &[&arguments[..], &["--strict"]].concat(),
    );
    let (code, _, error) = told(&{ nobody }.output().unwrap());
    assert!(code == 1 && error.contains("does not answer"), "{error}");
}

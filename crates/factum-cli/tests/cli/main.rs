//! `factum` as it is run: what it prints, and its exit codes.

mod topics;

use std::process::{Command, Output};

use factum_testkit::servers;
use tokio_postgres::{Client, NoTls};

/// A schema of positions of the test's own.
struct System {
    schema: String,
    client: Client,
}

impl System {
    async fn new() -> Self {
        let schema = format!("cli_{}", uuid::Uuid::new_v4().simple());
        let url = servers::postgres();
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { schema, client }
    }

    /// Positions as workers of two versions leave them.
    async fn with_positions(self) -> Self {
        let sql = concat!(
            include_str!("../../../factum-projector/src/positions.sql"),
            include_str!("../../../factum-projector/src/versions.sql"),
            include_str!("../../../factum-projector/src/workers.sql"),
            "INSERT INTO {workers} VALUES ('01234567-0000-0000-0000-000000000000', 'board', 1, 'projecting', NULL, 7, \
             '[{\"partition\": 1, \"offset\": 9, \"end\": 20, \"lag\": 11, \"lag_seconds\": 3}]', now());"
        );
        let sql = sql
            .replace("{table}", &format!("{}.positions", self.schema))
            .replace("{workers}", &format!("{}.workers", self.schema))
            .replace("{versions}", &format!("{}.versions", self.schema));
        let rows = format!(
            "INSERT INTO {}.positions (projection, version, topic, partition, \"offset\", epoch, next, closed) \
             VALUES ('board', 1, 't', 0, 9, 1, 6, false), ('board', 1, 't', 1, 9, 1, 4, false), \
                    ('board', 2, 't', 0, 0, 0, 1, false)",
            self.schema
        );
        let all = format!("CREATE SCHEMA {}; {sql}; {rows}", self.schema);
        self.client.batch_execute(&all).await.unwrap();
        self
    }

    /// Writes down what a version of `board` is to readers.
    async fn version(&self, version: u32, state: &str) {
        let sql = format!(
            "INSERT INTO {0}.versions (projection, version, state, topic, home, place, tables, shape, indexed, automatic) \
             VALUES ('board', {version}, '{state}', 't', '{0}', '{0}', '{{}}', '', true, true)",
            self.schema
        );
        self.client.batch_execute(&sql).await.unwrap();
    }

    /// The address of a role that may wait, and not see dead letters; partition 0 of version 2 once had some.
    async fn reader(&self) -> String {
        let role = format!("reader_{}", self.schema);
        let sql = format!(
            "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {0} TO {role}; \
             GRANT SELECT ON {0}.positions, {0}.versions, {0}.workers TO {role}; \
             UPDATE {0}.positions SET parked = true WHERE version = 2",
            self.schema
        );
        self.client.batch_execute(&sql).await.unwrap();
        let url = servers::postgres();
        let (_, host) = url.split_once('@').unwrap();
        format!("postgres://{role}@{host}")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        factum(arguments)
            .args(["--postgres", &servers::postgres(), "--schema", &self.schema])
            .output()
            .unwrap()
    }
}

fn factum(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_factum"));
    command.args(arguments).env_remove("FACTUM_POSTGRES");
    command
}

fn told(output: &Output) -> (i32, String) {
    let out = if output.status.success() {
        &output.stdout
    } else {
        &output.stderr
    };
    let text = String::from_utf8(out.clone()).unwrap();
    (output.status.code().unwrap(), text)
}

#[tokio::test]
async fn projections_are_listed_for_people_and_for_programs() {
    let system = System::new().await.with_positions().await;
    let (code, text) = told(&system.run(&["projection", "list"]));
    assert_eq!(code, 0, "{text}");
    let lines: Vec<Vec<_>> = text
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(lines[0][0], "PROJECTION");
    assert_eq!(lines[1][..6], ["board", "1", "-", "t", "2", "8"], "{text}");
    let (_, text) = told(&system.run(&["projection", "list", "--json"]));
    let second: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&second["version"], &second["events"]),
        (&2.into(), &0.into())
    );
}

#[tokio::test]
async fn where_no_worker_ever_ran_nothing_is_listed() {
    let system = System::new().await;
    assert_eq!(
        told(&system.run(&["projection", "list", "--json"])),
        (0, String::new())
    );
}

#[test]
fn exit_codes_tell_failures_from_wrong_usage() {
    let nobody = [
        "projection",
        "list",
        "--postgres",
        "postgres://u@127.0.0.1:1/d",
    ];
    let (code, text) = told(&factum(&nobody).output().unwrap());
    assert_eq!(code, 1);
    assert!(text.starts_with("factum: "), "{text}");
    assert_eq!(
        told(&factum(&["projection", "list"]).output().unwrap()).0,
        2
    );
}

#[tokio::test]
async fn what_is_done_is_told_and_what_is_not_has_its_exit_code() {
    let system = System::new().await.with_positions().await;
    let run = |line: &str| told(&system.run(&line.split(' ').collect::<Vec<_>>()));
    let (code, text) = run("projection pause board --version 1 --json");
    assert_eq!(
        (code, text.as_str()),
        (
            0,
            "{\"paused\":true,\"projection\":\"board\",\"version\":1}\n"
        )
    );
    assert!(run("projection list").1.contains("paused"));
    assert_eq!(
        run("projection resume board --version 1").1,
        "resumed board version 1\n"
    );
    assert!(!run("projection list").1.contains("paused"));
    assert_eq!(run("projection wait board --version 1 --token 0:5").0, 0);
    let (code, text) = run("projection wait board --version 1 --token 0:6 --timeout 1");
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("it is at event 5"), "{text}");
    let (code, text) = run("projection drop board --version 2");
    assert!(code == 0 && text.contains("nothing was done"), "{text}");
    let (code, text) = run("projection switch board --to 7");
    assert!(
        code == 1 && text.contains("board has no version 7: version 1"),
        "{text}"
    );
    let (code, text) = run("projection rebuild shelf");
    assert!(code == 1 && text.contains("no version at all"), "{text}");
}

#[tokio::test]
async fn a_cancelled_version_is_listed_and_may_begin_again() {
    let system = System::new().await.with_positions().await;
    let run = |line: &str| told(&system.run(&line.split(' ').collect::<Vec<_>>()));
    system.version(2, "building").await;
    let (code, text) = run("projection rebuild board --cancel");
    assert_eq!(code, 0, "{text}");
    let (_, text) = run("projection list");
    assert!(
        text.contains("cancelled") && text.contains("board"),
        "{text}"
    );
    let (code, text) = run("projection rebuild board --version 2");
    assert!(code == 0 && text.contains("may begin again"), "{text}");
    let (code, text) = run("projection rebuild board --version 2");
    assert!(code == 1 && text.contains("no version 2"), "{text}");
}

#[tokio::test]
async fn the_status_tells_what_is_known_of_each_partition() {
    let system = System::new().await.with_positions().await;
    let (code, text) = told(&system.run(&["projection", "status", "board", "--json"]));
    assert_eq!(code, 0, "{text}");
    let rows: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (&rows[0]["events"], &rows[0]["lag"]),
        (&5.into(), &serde_json::Value::Null)
    );
    assert_eq!(
        (&rows[1]["lag"], &rows[1]["lag_seconds"]),
        (&11.into(), &3.into())
    );
    assert_eq!(rows[1]["worker"], "01234567 projecting");
    for line in [
        &["projection", "status", "shelf"][..],
        &["projection", "status", "shelf", "--json"],
    ] {
        let (code, text) = told(&system.run(line));
        assert!(code == 1 && text.contains("no version at all"), "{text}");
    }
    let (code, _) = told(&system.run(&["projection", "status"]));
    assert_eq!(code, 0);
}

#[tokio::test]
async fn parked_events_are_counted() {
    let system = System::new().await.with_positions().await;
    let json = |command: &str| -> Vec<serde_json::Value> {
        let (code, text) = told(&system.run(&["projection", command, "--json"]));
        assert_eq!(code, 0, "{text}");
        let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap());
        parsed.collect()
    };
    let parked = |command| -> Vec<_> {
        let rows = json(command);
        rows.iter().map(|row| row["parked"].as_u64()).collect()
    };
    assert_eq!(
        parked("list"),
        [Some(0), Some(0)],
        "there is no table of them"
    );
    let table = format!("{}.dead_letters", system.schema);
    let create = include_str!("../../../factum-projector/src/dead_letters.sql");
    let rows = format!(
        "{}; INSERT INTO {table} SELECT 'board', 1, 't', partition, sequence, 1, 'a', 1, NULL, '{{}}', '', '', '', NULL, 0 \
         FROM (VALUES (0, 1), (1, 1), (1, 2)) AS it (partition, sequence)",
        create.replace("{table}", &table)
    );
    system.client.batch_execute(&rows).await.unwrap();
    assert_eq!(parked("list"), [Some(3), Some(0)]);
    assert_eq!(parked("status"), [Some(1), Some(2), Some(0)]);
    let (_, text) = told(&system.run(&["projection", "list"]));
    assert!(text.contains("PARKED"), "{text}");
    system.version(1, "live").await;
    system.version(2, "building").await;
    let drop = |version| told(&system.run(&["projection", "drop", "board", "--version", version]));
    let (code, text) = drop("1");
    assert!(
        code == 0 && text.contains("version 1, which is live") && text.contains("3 dead letters"),
        "{text}"
    );
    let (_, text) = drop("2");
    assert!(
        !text.contains("live") && text.contains("0 dead letters"),
        "{text}"
    );
    let (code, text) = told(&system.run(&["projection", "rebuild", "--help"]));
    assert!(
        code == 0 && text.contains("Ask for the switch, stay"),
        "{text}"
    );
}

/// A command that runs on, and what it has said so far.
struct Watching {
    child: std::process::Child,
    said: tempfile::NamedTempFile,
}

impl Watching {
    fn start(system: &System) -> Self {
        let said = tempfile::NamedTempFile::new().unwrap();
        let child = factum(&[
            "projection",
            "rebuild",
            "board",
            "--version",
            "2",
            "--watch",
        ])
        .args([
            "--postgres",
            &servers::postgres(),
            "--schema",
            &system.schema,
        ])
        .stderr(said.reopen().unwrap())
        .spawn();
        Self {
            child: child.unwrap(),
            said,
        }
    }

    async fn says(&mut self, text: &str) {
        self.until(text, |it| it.said().contains(text)).await;
    }

    async fn ends_with(&mut self, code: i32) {
        let ended = |it: &mut Self| {
            let ended = it.child.try_wait().unwrap();
            ended.is_some_and(|ended| ended.code() == Some(code))
        };
        self.until("its end", ended).await;
    }

    async fn until(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !holds(self) {
            let said = self.said();
            assert!(std::time::Instant::now() < deadline, "never {what}: {said}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.said.path()).unwrap()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_rebuild_is_watched_until_readers_see_it_or_it_ends_otherwise() {
    let system = System::new().await.with_positions().await;
    system.version(1, "live").await;
    system.version(2, "building").await;
    let sql = async |sql: &str| {
        let sql = sql.replace("$", &format!("{}.", system.schema));
        system.client.batch_execute(&sql).await.unwrap();
    };
    let mut watching = Watching::start(&system);
    watching.says("0 of 8 events").await;
    sql("UPDATE $positions SET next = 5 WHERE version = 2; UPDATE $versions SET failure = 'no room' WHERE version = 2").await;
    watching.says("no room").await;
    watching.says("4 of 8 events").await;
    watching.says(" a second, ").await;
    sql("UPDATE $versions SET state = 'retired' WHERE version = 1").await;
    sql("UPDATE $versions SET state = 'live' WHERE version = 2").await;
    watching.ends_with(0).await;
    for (state, says) in [
        ("cancelled", "it was cancelled"),
        ("retired", "led away from it again"),
    ] {
        sql("UPDATE $versions SET state = 'building' WHERE version = 2").await;
        let mut watching = Watching::start(&system);
        watching.says("4 of 8 events").await;
        watching
            .says("no worker of board version 2 is to be seen: if none runs, start one")
            .await;
        sql(&format!(
            "UPDATE $versions SET state = '{state}' WHERE version = 2"
        ))
        .await;
        watching.ends_with(1).await;
        watching.says(says).await;
    }
    // What was live before is not built again: nobody waits for that.
    let mut watching = Watching::start(&system);
    watching.ends_with(1).await;
    watching.says("it was live before").await;
    watching.says("projection switch board --to 2").await;
}

/// A log of one partition that holds two events.
fn log_of_two(dir: &std::path::Path) -> String {
    use factum_core::{Claim, EventHeader, EventLog, Header, NewTopic, Records, Stamp};
    let log = format!("local:{}", dir.display());
    let fill = async {
        let opened = factum::open_log(&log).await.unwrap();
        let new = NewTopic {
            partitions: 1,
            replication: None,
        };
        let topic = EventLog::open(&*opened, "t", Some(new)).await.unwrap();
        let claim = Claim {
            epoch: 1,
            claimant: uuid::Uuid::from_u128(1),
            floor: 1,
            partitions: 1,
        };
        topic.append(0, claim.record()).await.unwrap();
        for sequence in 1..=2 {
            let stamp = Stamp {
                epoch: 1,
                sequence,
                index: 0,
                size: 1,
            };
            let header = EventHeader {
                stamp,
                version: sequence,
                ..EventHeader::default()
            };
            let mut records = Records::new();
            records.push_encoded(b"a", |out| Header::Event(header).encode(out), |_| {});
            topic.append(0, records).await.unwrap();
        }
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(fill);
    log
}

#[test]
fn the_end_of_the_log_is_waited_for_and_events_are_passed_over() {
    let (dir, runtime) = (
        tempfile::tempdir().unwrap(),
        tokio::runtime::Runtime::new().unwrap(),
    );
    let log = log_of_two(dir.path());
    let system = runtime.block_on(async {
        let system = System::new().await.with_positions().await;
        system.version(2, "live").await;
        system
    });
    let run = |line: &str| told(&system.run(&line.split(' ').collect::<Vec<_>>()));
    let (code, text) = run("projection wait board --version 2");
    assert!(code == 2 && text.contains("--log"), "{text}");
    let wait = format!("projection wait board --timeout 1 --log {log}");
    let (code, text) = run(&wait);
    let says =
        "board version 2 does not show all events within 1s: 3 records are left, in partitions 0.";
    assert!(code == 3 && text.contains(says), "{text}");
    assert!(text.contains("does one run?"), "{text}");

    let seek = format!("projection seek board --partition 0 --log {log} --to");
    let (code, text) = run(&format!("{seek} beginning"));
    assert!(
        code == 1 && text.contains("Nothing is moved back"),
        "{text}"
    );
    let (code, text) = run(&format!("{seek} 2"));
    let says = "board version 2 would pass over 1 events of partition 0, offsets 0 to 1\n  1: `a` version 1\n\
                nothing was done: add --skip\n";
    assert_eq!((code, text.as_str()), (0, says));
    let (code, text) = run(&format!("{seek} end --reason why"));
    assert!(code == 2 && text.contains("--skip"), "{text}");
    let (code, text) = run(&format!("{seek} end --skip --reason why --json"));
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(code, 0);
    assert_eq!(
        (&told["events"], &told["skipped"], &told["to"]),
        (&2.into(), &true.into(), &3.into())
    );
    let (code, text) = run(&wait);
    let says = "board version 2 shows all events of 1 partitions\n";
    assert_eq!((code, text.as_str()), (0, says));
    assert!(run("projection status board").1.contains("live, 2 skipped"));

    let create = include_str!("../../../factum-projector/src/dead_letters.sql");
    let table = format!("{}.dead_letters", system.schema);
    let letter = format!(
        "{}; INSERT INTO {table} SELECT 'board', 2, 't', 0, 1, 1, 'a', 1, NULL, '{{}}', '', '', '', NULL, 0",
        create.replace("{table}", &table)
    );
    runtime
        .block_on(system.client.batch_execute(&letter))
        .unwrap();
    let (code, text) = run(&wait);
    assert!(
        code == 1 && text.contains("does not show 1 events, which are parked"),
        "{text}"
    );
    let (code, text) = run(&format!("{wait} --but-parked --json"));
    let says = "{\"caught_up\":true,\"parked\":1,\"partitions\":1,\"projection\":\"board\",\"version\":2}\n";
    assert_eq!((code, text.as_str()), (0, says));

    // A role that may not see letters learns that there may be some.
    let reader = runtime.block_on(system.reader());
    let run = |line: &str| {
        let mut command = factum(&line.split(' ').collect::<Vec<_>>());
        command.args(["--postgres", &reader, "--schema", &system.schema]);
        self::told(&command.output().unwrap())
    };
    let (code, text) = run(&wait);
    assert!(
        code == 1 && text.contains("this role may not see whether some still are"),
        "{text}"
    );
    let (code, text) = run(&format!("{wait} --but-parked"));
    assert!(code == 0 && text.contains("may not see"), "{text}");
}

#[tokio::test]
async fn the_status_tells_how_a_worker_ended() {
    let system = System::new().await.with_positions().await;
    let schema = &system.schema;
    let create = include_str!("../../../factum-projector/src/failures.sql")
        .replace("{failures}", &format!("{schema}.failures"))
        .replace("{positions}", &format!("{schema}.positions"));
    let failure = format!(
        "{create}; INSERT INTO {schema}.failures VALUES \
         ('board', 1, 't', 0, 9, 'no such column', 'abcdefgh', '10.0.0.3', '2026-10-01T12:00:00Z'), \
         ('board', 1, 't', 1, 8, 'no such column', 'abcdefgh', '10.0.0.3', '2026-10-01T12:00:00Z')"
    );
    system.client.batch_execute(&failure).await.unwrap();
    let (_, text) = told(&system.run(&["projection", "status", "board"]));
    let says = "worker abcdefgh at 10.0.0.3 ended 2026-10-01T12:00:00Z: no such column";
    assert_eq!(
        text.matches(says).count(),
        1,
        "partition 1 has moved since: {text}"
    );
    let (_, text) = told(&system.run(&["projection", "status", "board", "--json"]));
    let first: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["error"], "no such column");
    assert_eq!(first["failure"]["worker"], "abcdefgh");
    assert!(first["failure"]["seconds_ago"].is_u64());
}

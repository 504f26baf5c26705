//! The programs, as a user runs them: what they print, and how they end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::schema::Schema;

const SERVICE: &str = env!("CARGO_BIN_EXE_loans-service");
const BOARD: &str = env!("CARGO_BIN_EXE_loans-board");
const WORKLOAD: &str = env!("CARGO_BIN_EXE_loans-workload");
const REPORT: &str = env!("CARGO_BIN_EXE_loans-report");

/// An embedded log and a Postgres schema.
struct Place {
    folder: TempDir,
    schema: Schema,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            schema: Schema::create(),
        }
    }

    fn import(&self, source: &[&str]) -> Output {
        import(self.folder.path(), source)
    }

    fn project(&self, worker: &str) {
        let log = format!("local:{}", self.folder.path().join("log").display());
        let place = ["--log", &log, "--postgres", &self.schema.address()];
        let mut command = Command::new(worker);
        command
            .args(place)
            .args(["--until-end", "--schema", &self.schema.name]);
        let done = command.output().unwrap();
        assert!(done.status.success(), "{worker}: {}", told(&done));
    }

    fn report(&self, more: &[&str]) -> Output {
        let mut command = Command::new(REPORT);
        command
            .args(["--postgres", &self.schema.address()])
            .args(more);
        command
            .arg("--summary")
            .arg(self.folder.path().join("summary.json"));
        command.output().unwrap()
    }
}

fn import(folder: &Path, source: &[&str]) -> Output {
    importing(folder, source).output().unwrap()
}

fn importing(folder: &Path, source: &[&str]) -> Command {
    let mut command = Command::new(SERVICE);
    command.arg("import").args(source);
    command
        .arg("--log")
        .arg(format!("local:{}", folder.join("log").display()));
    command.arg("--summary").arg(folder.join("summary.json"));
    command.arg("--rejected").arg(folder.join("rejected.jsonl"));
    command
}

/// What a program said on standard error.
fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The last line that the report printed.
fn last_line(output: &Output) -> Value {
    serde_json::from_str(printed(output).lines().last().unwrap()).unwrap()
}

#[test]
fn a_bank_is_imported_projected_and_reported_and_again() {
    let place = Place::new();
    let source = ["--generate", "200", "--seed", "4"];
    let mut first = None;
    for round in 0..2 {
        let imported = place.import(&source);
        assert!(imported.status.success(), "{}", told(&imported));
        assert!(
            printed(&imported).contains("of 200 cases"),
            "{}",
            printed(&imported)
        );
        place.project(BOARD);
        place.project(WORKLOAD);
        let report = place.report(&["--json"]);
        assert!(report.status.success(), "{}", told(&report));
        let mut line = last_line(&report);
        let appended = if round == 0 {
            line["events"].clone()
        } else {
            0.into()
        };
        assert_eq!(line["appended"], appended);
        line["appended"].take();
        line["seconds"].take();
        assert_eq!(*first.get_or_insert(line.clone()), line);
    }
}

#[test]
fn the_report_fails_where_the_read_models_miss_something() {
    let place = Place::new();
    assert!(place.import(&["--generate", "50"]).status.success());
    place.project(BOARD);
    place.project(WORKLOAD);
    assert!(place.import(&["--generate", "60"]).status.success());
    place.project(BOARD);
    let report = place.report(&["--json"]);
    assert_eq!(report.status.code(), Some(1));
    assert_eq!(last_line(&report)["cases"], 60);
    assert!(
        told(&report).contains("work started: "),
        "{}",
        told(&report)
    );
    assert!(!told(&report).contains("cases: "), "{}", told(&report));
    place.project(WORKLOAD);
    assert!(place.report(&[]).status.success());
}

#[test]
fn a_broken_file_ends_the_import_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broken.xes");
    fs::write(&file, "<log>\n<trace>\n<string key=\"concept:name\"").unwrap();
    let imported = import(folder.path(), &["--xes", &file.display().to_string()]);
    assert_eq!(imported.status.code(), Some(1));
    let (told, place) = (told(&imported), format!("{}:3: ", file.display()));
    assert!(told.contains(&place), "{told}");
    assert!(told.contains("cut off"), "{told}");
    assert!(!folder.path().join("summary.json").exists());
}

#[test]
fn what_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let imported = import(folder.path(), &["--xes", "no/such.xes"]);
    assert_eq!(imported.status.code(), Some(1));
    assert!(
        told(&imported).contains("no/such.xes: cannot be opened"),
        "{}",
        told(&imported)
    );
    let mut command = Command::new(SERVICE);
    let imported = command
        .args(["import", "--generate", "1", "--log", "elsewhere"])
        .output();
    let imported = imported.unwrap();
    assert_eq!(imported.status.code(), Some(1));
    assert!(
        told(&imported).contains("`elsewhere`"),
        "{}",
        told(&imported)
    );
    let report = Command::new(REPORT)
        .args(["--postgres", "postgres://127.0.0.1:1/x"])
        .output();
    let report = report.unwrap();
    assert_eq!(report.status.code(), Some(1));
    assert!(
        told(&report).contains("cannot connect to Postgres"),
        "{}",
        told(&report)
    );
}

#[test]
fn rejected_entries_are_counted_told_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.xes");
    let event = |name: &str| {
        format!(
            "<event><string key='concept:name' value='{name}'/>\
             <date key='time:timestamp' value='2012-01-01T00:00:00Z'/></event>\n"
        )
    };
    let trace = format!(
        "<log>\n<trace><string key='concept:name' value='7'/><int key='AMOUNT_REQ' value='1'/>\n\
         {}{}</trace></log>",
        event("A_SUBMITTED"),
        event("A_ACTIVATED"),
    );
    fs::write(&file, trace).unwrap();
    let imported = import(folder.path(), &["--xes", &file.display().to_string()]);
    assert!(imported.status.success(), "{}", told(&imported));
    assert!(
        printed(&imported).contains("1 appended, 1 rejected"),
        "{}",
        printed(&imported)
    );
    let line =
        "rejected: case 7 entry 2 (line 4): A_ACTIVATED: the application has not come that far";
    assert!(told(&imported).contains(line), "{}", told(&imported));
    let kept = fs::read_to_string(folder.path().join("rejected.jsonl")).unwrap();
    assert_eq!(kept.lines().count(), 1);
}

#[test]
fn an_import_that_is_told_to_stop_is_finished_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = importing(folder.path(), &["--generate", "1000000"]);
    let mut service = service.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(service.stderr.take().unwrap()).lines();
    let mut wait_for = |what: &str| said.any(|line| line.unwrap().contains(what));
    assert!(wait_for("% after "), "it shows how it goes");
    let id = rustix::process::Pid::from_child(&service);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert!(wait_for("told to stop: finishing the cases under way"));
    assert!(wait_for("stopped; import again to finish"));
    assert_eq!(service.wait().unwrap().code(), Some(130));
    assert!(!folder.path().join("summary.json").exists());

    let again = import(folder.path(), &["--generate", "10"]);
    assert!(again.status.success(), "{}", told(&again));
    assert!(
        printed(&again).contains(" 0 appended"),
        "{}",
        printed(&again)
    );
}

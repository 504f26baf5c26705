//! Importing, on a log in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::future::{pending, ready};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use factum::{Components, EventLog};
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use loans::generate::Generator;
use loans::import::{Import, ImportError, Progress, Source, Summary};
use loans::loan::LoanEvent;
use loans::work::WorkEvent;
use loans::xes::XesErrorKind;
use serde_json::Value;

use crate::topics;

const CASES: u64 = 300;

fn import(source: Source) -> Import {
    Import {
        source,
        log: "memory".to_owned(),
        checkpoints: None,
        partitions: 3,
        in_flight: 50,
        standby: false,
        rejected: None,
        components: Components::new(),
    }
}

fn generated() -> Source {
    let (cases, seed) = (CASES, 5);
    Source::Generated { cases, seed }
}

async fn run(import: &Import, log: &MemoryLog) -> Result<Summary, ImportError> {
    run_on(import, Arc::new(log.clone())).await
}

async fn run_on(import: &Import, log: Arc<dyn EventLog>) -> Result<Summary, ImportError> {
    let progress = Progress::new();
    let run = import.run(log, &progress, pending());
    tokio::time::timeout(Duration::from_secs(60), run)
        .await
        .unwrap()
}

/// The numbers of each case's recorded entries, in the order in which they were recorded.
async fn recorded(log: &MemoryLog) -> BTreeMap<String, [Vec<i64>; 2]> {
    let mut cases = BTreeMap::<String, [Vec<i64>; 2]>::new();
    for recorded in topics::events::<LoanEvent>(log).await {
        cases.entry(recorded.id).or_default()[0].push(recorded.event.entry());
    }
    for recorded in topics::events::<WorkEvent>(log).await {
        cases.entry(recorded.id).or_default()[1].push(recorded.event.entry());
    }
    cases
}

/// Every made-up entry was recorded once, in its place.
async fn assert_complete(log: &MemoryLog) {
    let mut expected = BTreeMap::<String, [Vec<i64>; 2]>::new();
    for case in Generator::new(CASES, 5) {
        let numbers = expected.entry(case.name).or_default();
        for (number, entry) in (1..).zip(&case.entries) {
            numbers[usize::from(entry.activity.starts_with("W_"))].push(number);
        }
    }
    assert_eq!(recorded(log).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_records_every_entry_once_and_again_nothing() {
    let log = MemoryLog::new();
    let first = run(&import(generated()), &log).await.unwrap();
    assert_eq!((first.cases, first.rejected), (CASES, 0));
    assert_eq!(first.appended, first.entries);
    assert_eq!(first.expected.as_ref().unwrap().events, first.entries);
    assert_complete(&log).await;
    let second = run(&import(generated()), &log).await.unwrap();
    assert_eq!((second.appended, second.entries), (0, first.entries));
    assert_complete(&log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_over_a_bad_network_records_every_entry_once() {
    for seed in 0..5 {
        let log = MemoryLog::new();
        let faults = Faults {
            seed,
            failed: 10,
            torn: 10,
            unacknowledged: 10,
            late: 10,
            doubled: 10,
            placeless: 10,
            delay: Duration::from_millis(1),
        };
        let bad = FaultyLog::new(Arc::new(log.clone()), faults);
        let summary = run_on(&import(generated()), Arc::new(bad)).await.unwrap();
        assert_eq!(summary.rejected, 0, "seed {seed}");
        assert_complete(&log).await;
    }
}

// On one thread: it is stopped before another case begins, however fast the machine.
#[tokio::test]
async fn an_import_that_was_stopped_is_finished_by_the_next() {
    let log = MemoryLog::new();
    let progress = Progress::new();
    let import = import(generated());
    let some = async {
        while progress.cases() < CASES / 4 {
            tokio::task::yield_now().await;
        }
    };
    let stopped = import.run(Arc::new(log.clone()), &progress, some).await;
    assert!(matches!(stopped, Err(ImportError::Stopped)), "{stopped:?}");
    let before: usize = recorded(&log).await.len();
    assert!(
        before >= CASES as usize / 4 && before < CASES as usize,
        "{before}"
    );
    assert_eq!(progress.appended(), progress.entries());
    let second = run(&import, &log).await.unwrap();
    assert_eq!(second.appended + progress.appended(), second.entries);
    assert_complete(&log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_may_be_stopped_before_it_began() {
    let (log, progress) = (MemoryLog::new(), Progress::new());
    let source = import(generated());
    let stopped = source
        .run(Arc::new(log.clone()), &progress, ready(()))
        .await;
    assert!(matches!(stopped, Err(ImportError::Stopped)));
    run(&source, &log).await.unwrap();
    assert_complete(&log).await;
}

/// A log of two cases, in which `entries` are those of the first one.
fn xes(folder: &Path, entries: &[(&str, &str)]) -> PathBuf {
    let mut text = String::from("<log>\n");
    for (name, entries) in [("1", entries), ("2", &[("A_SUBMITTED", "COMPLETE")])] {
        text += &format!("<trace><string key=\"concept:name\" value=\"{name}\"/>");
        text += "<int key=\"AMOUNT_REQ\" value=\"1\"/>\n";
        for (second, (activity, transition)) in (10..).zip(entries) {
            text += &format!("<event><string key=\"concept:name\" value=\"{activity}\"/>");
            text += &format!("<string key=\"lifecycle:transition\" value=\"{transition}\"/>");
            text += &format!(
                "<date key=\"time:timestamp\" value=\"2011-10-01T00:00:{second}Z\"/></event>\n"
            );
        }
        text += "</trace>\n";
    }
    text += "</log>\n";
    let path = folder.join("log.xes");
    fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rejected_entry_is_reported_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = xes(
        folder.path(),
        &[
            ("A_SUBMITTED", "COMPLETE"),
            ("A_ACCEPTED", "COMPLETE"),
            ("A_PARTLYSUBMITTED", "COMPLETE"),
            ("A_SOMETHING", "COMPLETE"),
            ("W_Completeren aanvraag", "START"),
            ("W_Completeren aanvraag", "SCHEDULE"),
            ("W_Completeren aanvraag", "SUSPEND"),
            ("A_PARTLYSUBMITTED", "START"),
            ("A_PREACCEPTED", "COMPLETE"),
        ],
    );
    let rejected = folder.path().join("rejected.jsonl");
    let mut import = import(Source::Xes(path));
    import.rejected = Some(rejected.clone());
    let log = MemoryLog::new();
    for (round, appended) in [(1, 5), (2, 0)] {
        let summary = run(&import, &log).await.unwrap();
        assert_eq!(
            (summary.entries, summary.appended),
            (10, appended),
            "round {round}"
        );
        assert_eq!(summary.rejected, 5);
        let lines = fs::read_to_string(&rejected).unwrap();
        let lines: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let entries: BTreeSet<_> = lines
            .iter()
            .map(|line| line["entry"].as_i64().unwrap())
            .collect();
        assert_eq!(entries, BTreeSet::from([2, 4, 5, 7, 8]));
        let accepted = lines.iter().find(|line| line["entry"] == 2).unwrap();
        assert_eq!(accepted["case"], "1");
        assert_eq!(accepted["activity"], "A_ACCEPTED");
        assert_eq!(accepted["line"], 4);
        let reason = accepted["reason"].as_str().unwrap();
        let expected = [
            "not the application's next step",
            "not recorded in its turn",
        ];
        assert!(reason.contains(expected[round - 1]), "{reason}");
    }
    let all = recorded(&log).await;
    assert_eq!(all["1"], [vec![1, 3, 9], vec![6]]);
    assert_eq!(all["2"], [vec![1], vec![]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_leaves_whole_cases_and_is_finished_when_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = xes(
        folder.path(),
        &[
            ("A_SUBMITTED", "COMPLETE"),
            ("A_PARTLYSUBMITTED", "COMPLETE"),
        ],
    );
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 40]).unwrap();
    let log = MemoryLog::new();
    let import = import(Source::Xes(path.clone()));
    match run(&import, &log).await {
        Err(ImportError::Source(error)) => {
            assert_eq!(error.kind(), XesErrorKind::Truncated);
            assert_eq!(error.line(), Some(7));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(recorded(&log).await.keys().collect::<Vec<_>>(), ["1"]);
    fs::write(&path, &whole).unwrap();
    let mended = run(&import, &log).await.unwrap();
    assert_eq!((mended.entries, mended.appended), (3, 1));
}

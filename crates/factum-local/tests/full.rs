//! A log that may not grow says so, keeps what it has, and goes on once there is room.

use std::path::Path;
use std::sync::Arc;

use factum_core::{
    Appended, EventLog, LogError, LogErrorKind, NewTopic, Offset, RecordRef, Records, Topic,
};
use factum_local::{LocalLog, LocalOptions};

async fn open(dir: &Path, map_size: usize) -> (LocalLog, Arc<dyn Topic>) {
    let options = LocalOptions {
        map_size,
        ..LocalOptions::default()
    };
    let log = LocalLog::open_with(dir, options)
        .await
        .expect("a log opens");
    let create = NewTopic {
        partitions: 1,
        replication: None,
    };
    let topic = log.open("full", Some(create)).await.expect("a topic opens");
    (log, topic)
}

fn batch() -> Records {
    let mut records = Records::new();
    for _ in 0..10 {
        records.push(RecordRef {
            key: b"key",
            header: Some(b"header"),
            value: &[7; 1_000],
        });
    }
    records
}

async fn append_until_full(topic: &Arc<dyn Topic>) -> (Offset, LogError) {
    let mut end = 0;
    loop {
        match topic.append(0, batch()).await {
            Ok(appended) => assert_eq!(appended, Appended::At(end)),
            Err(error) => return (end, error),
        }
        end += 10;
        assert!(end < 1_000_000, "it fills up");
    }
}

async fn count(topic: &Arc<dyn Topic>) -> Offset {
    let mut reader = topic.read(&[(0, 0)]).await.expect("a reader opens");
    let mut count = 0;
    loop {
        for fetched in reader.next().await.expect("reading succeeds") {
            assert!(fetched.records.iter().all(|it| it.value == [7; 1_000]));
            count += fetched.records.len() as Offset;
            if fetched.at_end {
                return count;
            }
        }
    }
}

fn assert_full(error: &LogError, dir: &Path) {
    assert_eq!(error.kind(), LogErrorKind::Full, "{error:?}");
    let dir = dir.canonicalize().expect("the folder is there");
    let named = error
        .to_string()
        .contains(dir.to_str().expect("paths are text"));
    assert!(named, "the message names the folder: {error}");
}

#[tokio::test]
async fn a_full_map_keeps_what_it_has_and_a_larger_one_takes_more() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let (log, topic) = open(dir.path(), 1 << 20).await;
    let (end, error) = append_until_full(&topic).await;
    assert_full(&error, dir.path());
    assert!(end > 0);
    let again = topic
        .append(0, batch())
        .await
        .expect_err("it is still full");
    assert_full(&again, dir.path());
    assert_eq!(topic.end(0).await.expect("the end is known"), end);
    assert_eq!(count(&topic).await, end);
    drop((log, topic));
    let (_log, topic) = open(dir.path(), 4 << 20).await;
    assert_eq!(count(&topic).await, end);
    let appended = topic.append(0, batch()).await.expect("there is room");
    assert_eq!(appended, Appended::At(end));
    assert_eq!(count(&topic).await, end + 10);
}

#[tokio::test]
async fn a_map_size_is_rounded_up_to_whole_pages() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let (_log, topic) = open(dir.path(), (1 << 20) + 1).await;
    let appended = topic.append(0, batch()).await.expect("there is room");
    assert_eq!(appended, Appended::At(0));
}

/// The limit holds for a whole process, so this file's tests write little, and each says so itself.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_keeps_what_it_has_and_takes_more_once_there_is_room() {
    use std::process::Command;

    let child = Command::new(std::env::current_exe().expect("this program has a path"))
        .args([
            "--exact",
            "limited::a_process_that_may_not_write_large_files",
        ])
        .args(["--ignored", "--nocapture"])
        .output()
        .expect("a process starts");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    assert!(said.contains("1 passed"), "the child ran: {said}");
}

#[cfg(target_os = "linux")]
mod limited {
    use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
    use tokio::signal::unix::{SignalKind, signal};

    use super::*;

    fn limit_files(bytes: Option<u64>) {
        let limit = Rlimit {
            current: bytes,
            ..getrlimit(Resource::Fsize)
        };
        setrlimit(Resource::Fsize, limit).expect("the limit is one's own to change");
    }

    #[tokio::test]
    #[ignore = "started in a process of its own by the test above"]
    async fn a_process_that_may_not_write_large_files() {
        // Caught, the signal does not end the process, and writes fail instead.
        let _caught = signal(SignalKind::from_raw(Signal::XFSZ.as_raw())).expect("signals work");
        // Where pages end, and where they don't: the last write is cut short, or not begun.
        for limit in [1 << 20, (1 << 20) + 1_000] {
            let dir = tempfile::tempdir().expect("a folder is made");
            let (_log, topic) = open(dir.path(), 1 << 30).await;
            limit_files(Some(limit));
            let (end, error) = append_until_full(&topic).await;
            assert_full(&error, dir.path());
            assert!(end > 0);
            assert_eq!(topic.end(0).await.expect("the end is known"), end);
            assert_eq!(count(&topic).await, end);
            limit_files(None);
            let appended = topic.append(0, batch()).await.expect("there is room");
            assert_eq!(appended, Appended::At(end));
            assert_eq!(count(&topic).await, end + 10);
        }
    }
}

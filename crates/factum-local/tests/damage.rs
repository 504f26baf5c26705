//! What is not a log, or no longer a whole one, is refused or reported with a clear error.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use factum_core::{EventLog, LogError, LogErrorKind, NewTopic, RecordRef, Records};
use factum_local::LocalLog;

const RECORDS: usize = 2_000;

/// A folder with a log of `RECORDS` records in it, closed.
async fn folder_with_log() -> (tempfile::TempDir, PathBuf) {
    let outer = tempfile::tempdir().expect("a folder is made");
    let dir = outer.path().join("log");
    let log = LocalLog::open(&dir).await.expect("a log opens");
    let create = NewTopic {
        partitions: 1,
        replication: None,
    };
    let topic = log
        .open("damaged", Some(create))
        .await
        .expect("a topic opens");
    let mut answers = Vec::new();
    for number in 0..RECORDS / 10 {
        let mut records = Records::new();
        for index in 0..10 {
            let value = format!("value {:06} {}", 10 * number + index, "x".repeat(200));
            records.push(RecordRef {
                key: b"key",
                header: Some(b"header"),
                value: value.as_bytes(),
            });
        }
        answers.push(topic.append(0, records));
    }
    for answer in answers {
        answer.await.expect("appends succeed");
    }
    drop((log, topic));
    close(&dir);
    (outer, dir)
}

fn close(dir: &Path) {
    let dir = dir.canonicalize().expect("the folder is there");
    if let Some(closing) = heed::env_closing_event(dir) {
        assert!(
            closing.wait_timeout(Duration::from_secs(30)),
            "the log closes"
        );
    }
}

fn data(dir: &Path) -> File {
    let data = File::options()
        .read(true)
        .write(true)
        .open(dir.join("data.mdb"));
    data.expect("there is a data file")
}

fn overwrite(dir: &Path, at: u64, bytes: &[u8]) {
    let mut data = data(dir);
    data.seek(SeekFrom::Start(at)).expect("files seek");
    data.write_all(bytes).expect("files are written");
}

/// Opens a log that must be refused, with a message that says where.
async fn refused(dir: &Path, kind: LogErrorKind) -> LogError {
    let error = LocalLog::open(dir).await.err().expect("the log is refused");
    assert_eq!(error.kind(), kind, "{error:?}");
    let message = error.to_string();
    let place = dir.canonicalize().expect("the folder is there");
    assert!(
        message.contains(place.to_str().expect("paths are text")),
        "{message}"
    );
    error
}

#[tokio::test]
async fn an_overwritten_header_is_corrupt() {
    let garbage: Vec<u8> = (0..4096_u32).map(|it| (it * 7 + 3) as u8).collect();
    for (at, bytes) in [
        (0, vec![0; 4096]),
        (4096, vec![0xFF; 4096]),
        (0, garbage.clone()),
        (4096, garbage),
        // The page size, both roots of both headers, the last page.
        (40, vec![0; 4]),
        (4096 + 40, vec![0xFF; 4]),
        (128, vec![0xEE; 8]),
        (4096 + 128, vec![0xEE; 8]),
        (136, vec![0x7F; 8]),
        (4096 + 136, vec![0x7F; 8]),
    ] {
        let (_outer, dir) = folder_with_log().await;
        overwrite(&dir, at, &bytes);
        if matches!(at, 128 | 136 | 4224 | 4232) {
            // The newest header decides; which of the two that is depends on the last transaction.
            overwrite(&dir, (at + 4096) % 8192, &bytes);
        }
        refused(&dir, LogErrorKind::Corrupt).await;
    }
}

#[tokio::test]
async fn a_data_file_that_was_cut_off_is_corrupt() {
    let (_outer, dir) = folder_with_log().await;
    let length = fs::metadata(dir.join("data.mdb"))
        .expect("there is a data file")
        .len();
    for cut in [length - 1, length / 2, 8192, 4096, 100, 0] {
        data(&dir).set_len(cut).expect("files are cut");
        refused(&dir, LogErrorKind::Corrupt).await;
    }
    fs::remove_file(dir.join("data.mdb")).expect("files are removed");
    refused(&dir, LogErrorKind::Corrupt).await;
}

#[tokio::test]
async fn a_record_that_was_overwritten_is_named_and_those_before_it_are_read() {
    let (_outer, dir) = folder_with_log().await;
    let bytes = fs::read(dir.join("data.mdb")).expect("the data file is read");
    let value = b"value 001234";
    let find = |window: &[u8]| window == value;
    // Old copies of a page may lie about: damage them all.
    let places = bytes
        .windows(value.len())
        .enumerate()
        .filter(|it| find(it.1));
    for (at, _) in places {
        overwrite(&dir, at as u64, b"VALUE");
    }
    let log = LocalLog::open(&dir).await.expect("the log opens");
    let topic = log.open("damaged", None).await.expect("the topic is there");
    let mut reader = topic.read(&[(0, 1_000)]).await.expect("a reader opens");
    let mut read = 1_000;
    let error = loop {
        match reader.next().await {
            Ok(all) => read = all[0].next,
            Err(error) => break error,
        }
    };
    assert_eq!(read, 1_234);
    assert_eq!(error.kind(), LogErrorKind::Corrupt, "{error}");
    for part in ["topic damaged", "partition 0", "offset 1234"] {
        assert!(
            error.to_string().contains(part),
            "the message says {part}: {error}"
        );
    }
}

#[tokio::test]
async fn another_format_is_refused() {
    let (_outer, dir) = folder_with_log().await;
    let marker = dir.join("factum-log");
    let text = fs::read_to_string(&marker).expect("the marker is read");
    fs::write(&marker, text.replace('1', "2")).expect("the marker is written");
    let error = refused(&dir, LogErrorKind::Unsuitable).await;
    assert!(error.to_string().contains("format 2"), "{error}");
    fs::write(&marker, "something else").expect("the marker is written");
    refused(&dir, LogErrorKind::Corrupt).await;
}

#[tokio::test]
async fn a_folder_with_something_else_in_it_is_left_alone() {
    let outer = tempfile::tempdir().expect("a folder is made");
    fs::write(outer.path().join("holiday.jpg"), "").expect("a file is written");
    let error = refused(outer.path(), LogErrorKind::Unsuitable).await;
    assert!(error.to_string().contains("holiday.jpg"), "{error}");
    let names: Vec<_> = fs::read_dir(outer.path())
        .expect("the folder is read")
        .collect();
    assert_eq!(names.len(), 1, "nothing was added");
}

#[tokio::test]
async fn another_lmdb_database_is_left_alone() {
    let outer = tempfile::tempdir().expect("a folder is made");
    make_foreign_database(outer.path()).expect("a database is made");
    close(outer.path());
    refused(outer.path(), LogErrorKind::Unsuitable).await;
    assert!(
        !outer.path().join("factum-log").exists(),
        "it was not marked as ours"
    );
}

fn make_foreign_database(dir: &Path) -> heed::Result<()> {
    use heed::CommitOrAbort;
    use heed::types::Str;
    // SAFETY: nobody else uses this folder.
    let env = unsafe { heed::EnvOpenOptions::new().max_dbs(1).open(dir)? };
    let txn = env.write_txn()?;
    env.create_databases_and_commit(txn, |open, txn| {
        let database = open.create_database::<Str, Str>(txn, Some("foreign"))?;
        database.put(txn, "a", "b")?;
        Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(()))
    })?;
    Ok(())
}

#[tokio::test]
async fn a_creation_that_was_interrupted_is_finished() {
    let (_outer, dir) = folder_with_log().await;
    fs::remove_file(dir.join("factum-log")).expect("the marker is removed");
    let log = LocalLog::open(&dir).await.expect("the log opens");
    let topic = log.open("damaged", None).await.expect("the topic is there");
    assert_eq!(
        topic.end(0).await.expect("the end is known"),
        RECORDS as u64
    );
    assert!(dir.join("factum-log").exists());
}

#[tokio::test]
async fn a_file_in_the_folders_place_is_an_error() {
    let file = tempfile::NamedTempFile::new().expect("a file is made");
    let error = LocalLog::open(file.path())
        .await
        .err()
        .expect("it is no folder");
    let path = file.path().to_str().expect("paths are text");
    assert!(error.to_string().contains(path), "{error}");
}

//! Appending processes are killed at random moments.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rand::RngExt;

use super::child::{PARTITIONS, open};
use super::life::Life;

const ROUNDS: usize = 25;

/// A batch that was acknowledged.
struct Acknowledged {
    partition: usize,
    first: usize,
    batch: String,
    size: usize,
}

impl Acknowledged {
    fn parse(said: &str) -> Self {
        let parts: Vec<_> = said.split(' ').collect();
        let number = |at: usize| parts[at].parse().expect("children say numbers");
        Self {
            partition: number(0),
            first: number(1),
            batch: parts[2].to_owned(),
            size: number(3),
        }
    }
}

/// Reads each partition from 0 to its end. Offsets without holes are the log's promise.
async fn read_all(dir: &Path) -> Vec<Vec<String>> {
    let topic = open(dir).await;
    let mut all = Vec::new();
    for partition in 0..PARTITIONS {
        let mut reader = topic.read(&[(partition, 0)]).await.expect("a reader opens");
        let mut values = Vec::new();
        while !read_on(&mut *reader, &mut values).await {}
        all.push(values);
    }
    all
}

/// Reads one fetch, and says whether it reached the end.
async fn read_on(reader: &mut dyn factum_core::LogReader, values: &mut Vec<String>) -> bool {
    let mut at_end = false;
    for fetched in reader.next().await.expect("reading succeeds") {
        for (offset, record) in fetched.iter() {
            assert_eq!(offset as usize, values.len(), "there are no holes");
            values.push(String::from_utf8(record.value.to_vec()).expect("values are text"));
        }
        at_end = fetched.at_end;
    }
    at_end
}

/// Each batch stands whole and side by side.
fn assert_no_torn_batch(values: &[String]) {
    let mut at = 0;
    while at < values.len() {
        let parts: Vec<_> = values[at].split(' ').collect();
        let size: usize = parts[2].parse().expect("the size is a number");
        for index in 0..size {
            let expected = format!("{} {index} {size}", parts[0]);
            assert_eq!(
                values.get(at + index),
                Some(&expected),
                "offset {}",
                at + index
            );
        }
        at += size;
    }
}

fn assert_kept(log: &[Vec<String>], acknowledged: &Acknowledged) {
    let Acknowledged {
        partition,
        first,
        batch,
        size,
    } = acknowledged;
    for index in 0..*size {
        let kept = log[*partition].get(first + index);
        assert_eq!(
            kept,
            Some(&format!("{batch} {index} {size}")),
            "acknowledged at {first}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kills_at_random_moments() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let mut acknowledged = Vec::new();
    let mut lengths = Vec::new();
    for round in 0..ROUNDS {
        // Alone, or two at once of whom one may wait for the other's lock when that one dies.
        let children: Vec<_> = (0..=round % 2)
            .map(|who| Life::start("append_for_ever", dir.path(), &format!("{round}.{who}")))
            .collect();
        let mut said: Vec<_> = children.iter().map(Life::hear).collect();
        sleep(Duration::from_micros(rand::rng().random_range(0..60_000)));
        for child in children {
            said.extend(child.kill());
        }
        acknowledged.extend(said.iter().map(|said| Acknowledged::parse(said)));
        let log = read_all(dir.path()).await;
        log.iter().for_each(|values| assert_no_torn_batch(values));
        acknowledged.iter().for_each(|it| assert_kept(&log, it));
        lengths.push(log.iter().map(Vec::len).sum::<usize>());
    }
    assert!(
        lengths.is_sorted_by(|a, b| a < b),
        "every round added to it: {lengths:?}"
    );
}

/// A reader that stays is told of what other processes append, and outlives all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_follows_other_processes() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let topic = open(dir.path()).await;
    let mut reader = topic.read(&[(0, 0)]).await.expect("a reader opens");
    let mut values = Vec::new();
    for round in 0..5 {
        let before = values.len();
        let child = Life::start("append_for_ever", dir.path(), &round.to_string());
        while values.len() < before + 100 {
            let told = read_on(&mut *reader, &mut values);
            let told = tokio::time::timeout(Duration::from_secs(60), told).await;
            told.expect("there is news within a minute");
        }
        child.kill();
    }
    while (values.len() as u64) < topic.end(0).await.expect("the end is known") {
        read_on(&mut *reader, &mut values).await;
    }
    assert_no_torn_batch(&values);
}

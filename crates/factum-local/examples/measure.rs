//! Measures the embedded log on this machine's disk, beside the disk's own limit:
//! `cargo run --release -p factum-local --example measure [DIR]`.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use factum_core::{EventLog, NewTopic, RecordRef, Records, Topic};
use factum_local::LocalLog;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

const PARTITIONS: u32 = 8;
const RECORDS: u32 = 2_000_000;
/// Bytes of key, header and value together: 200.
const VALUE: [u8; 140] = [7; 140];
const HEADER: [u8; 48] = [1; 48];
const KEY: [u8; 12] = *b"loan-0173688";

#[tokio::main]
async fn main() -> Outcome {
    let dir = tempfile::tempdir_in(
        std::env::args_os()
            .nth(1)
            .map_or_else(std::env::temp_dir, PathBuf::from),
    )?;
    let log = LocalLog::open(dir.path().join("log")).await?;
    fsync_alone(dir.path())?;
    one_caller(&log).await?;
    for callers in [16, 256] {
        closed_loop(&log, callers).await?;
    }
    for batch in [1, 10, 100] {
        pipelined(&log, batch).await?;
    }
    read(&log).await
}

fn batch(size: u32) -> Records {
    let mut records = Records::new();
    for _ in 0..size {
        records.push(RecordRef {
            key: &KEY,
            header: Some(&HEADER),
            value: &VALUE,
        });
    }
    records
}

async fn topic(log: &LocalLog, name: &str) -> Outcome<Arc<dyn Topic>> {
    let create = NewTopic {
        partitions: PARTITIONS,
        replication: None,
    };
    Ok(log.open(name, Some(create)).await?)
}

fn fsync_alone(dir: &Path) -> Outcome {
    let mut file = File::create(dir.join("plain"))?;
    let mut taken = Vec::new();
    for _ in 0..500 {
        let start = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        taken.push(start.elapsed());
    }
    report_latency("limit: a page appended to a file, and fdatasync", taken);
    Ok(())
}

async fn one_caller(log: &LocalLog) -> Outcome {
    let topic = topic(log, "one").await?;
    let mut taken = Vec::new();
    for _ in 0..500 {
        let start = Instant::now();
        topic.append(0, batch(1)).await?;
        taken.push(start.elapsed());
    }
    report_latency("one caller, one record at a time", taken);
    Ok(())
}

async fn closed_loop(log: &LocalLog, callers: u32) -> Outcome {
    let topic = topic(log, "loop").await?;
    let (start, each) = (Instant::now(), 200);
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let topic = topic.clone();
            tokio::spawn(async move {
                for _ in 0..each {
                    topic.append(caller % PARTITIONS, batch(1)).await?;
                }
                Ok::<_, factum_core::LogError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    report_rate(
        &format!("{callers} callers, one record at a time each"),
        callers * each,
        start,
    );
    Ok(())
}

async fn pipelined(log: &LocalLog, size: u32) -> Outcome {
    let topic = topic(log, &format!("pipelined-{size}")).await?;
    let start = Instant::now();
    let mut under_way = std::collections::VecDeque::new();
    for number in 0..RECORDS / size {
        under_way.push_back(topic.append(number % PARTITIONS, batch(size)));
        if under_way.len() as u32 * size > 50_000
            && let Some(append) = under_way.pop_front()
        {
            append.await?;
        }
    }
    for append in under_way {
        append.await?;
    }
    report_rate(
        &format!("pipelined, batches of {size}, 50,000 records under way"),
        RECORDS,
        start,
    );
    Ok(())
}

async fn read(log: &LocalLog) -> Outcome {
    let topic = topic(log, "pipelined-100").await?;
    for what in ["read", "read again"] {
        let from: Vec<_> = (0..PARTITIONS).map(|partition| (partition, 0)).collect();
        let mut reader = topic.read(&from).await?;
        let (start, mut count) = (Instant::now(), 0);
        while count < RECORDS {
            for fetched in reader.next().await? {
                count += fetched.records.len() as u32;
            }
        }
        report_rate(
            &format!("{what}, {PARTITIONS} partitions by one reader"),
            count,
            start,
        );
    }
    Ok(())
}

fn report_latency(what: &str, mut taken: Vec<Duration>) {
    taken.sort_unstable();
    let at = |share: usize| taken[taken.len() * share / 100];
    println!("{what}: p50 {:?}, p99 {:?}", at(50), at(99));
}

fn report_rate(what: &str, records: u32, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    let rate = f64::from(records) / seconds;
    let megabytes = rate * batch(1).byte_len() as f64 / 1e6;
    println!("{what}: {rate:.0} records/s of 200 bytes, {megabytes:.0} MB/s");
}

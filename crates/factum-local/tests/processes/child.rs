//! What children do.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use factum_core::{
    Append, Appended, Change, EventLog, NewTopic, Offset, RecordRef, Records, Topic,
};
use factum_local::LocalLog;
use rand::RngExt;

use super::life::{dir, name, say};

pub const TOPIC: &str = "shared";
pub const PARTITIONS: u32 = 2;
pub const GROUP: &str = "workers";
/// How many batches a child has under way.
const UNDER_WAY: usize = 16;

pub async fn open(dir: &Path) -> Arc<dyn Topic> {
    let log = LocalLog::open(dir).await.expect("a log opens");
    let create = NewTopic {
        partitions: PARTITIONS,
        replication: None,
    };
    log.open(TOPIC, Some(create)).await.expect("a topic opens")
}

/// A batch whose every record names the batch, its own place in it and the batch's size.
fn batch(name: &str, number: usize, size: usize) -> Records {
    let mut records = Records::new();
    for index in 0..size {
        let value = format!("{name}-{number} {index} {size}");
        records.push(RecordRef {
            key: b"key",
            header: None,
            value: value.as_bytes(),
        });
    }
    records
}

/// Appends until it is killed, and says what was acknowledged: partition, first offset, batch, size.
pub async fn append_for_ever() {
    let (topic, name) = (open(&dir()).await, name());
    let mut under_way: VecDeque<(String, Append)> = VecDeque::new();
    for number in 0.. {
        let partition = rand::rng().random_range(0..PARTITIONS);
        let size = rand::rng().random_range(1..20);
        let append = topic.append(partition, batch(&name, number, size));
        under_way.push_back((format!("{partition} {{}} {name}-{number} {size}"), append));
        if under_way.len() == UNDER_WAY
            && let Some((what, append)) = under_way.pop_front()
        {
            let first = first(append.await.expect("appends succeed"));
            say(&what.replace("{}", &first.to_string()));
        }
    }
}

fn first(appended: Appended) -> Offset {
    match appended {
        Appended::At(first) => first,
        Appended::Somewhere => panic!("a batch stands side by side"),
    }
}

/// Follows its group until it is killed, and says how many partitions it owns.
pub async fn follow_a_group() {
    let topic = open(&dir()).await;
    let mut member = topic.join(GROUP).await.expect("a member joins");
    let mut owned = 0;
    loop {
        match member.next().await.expect("the group goes on") {
            Change::Gained(partitions) => owned += partitions.len(),
            Change::Revoked { partitions, .. } => owned -= partitions.len(),
        }
        say(&format!("owns {owned}"));
    }
}

/// Answers each record of the first partition with one in the second.
pub async fn echo() {
    let topic = open(&dir()).await;
    let mut reader = topic.read(&[(0, 0)]).await.expect("a reader opens");
    say("listens");
    loop {
        for fetched in reader.next().await.expect("reading succeeds") {
            for (_, record) in fetched.iter() {
                let mut records = Records::new();
                records.push(record);
                topic.append(1, records).await.expect("appends succeed");
            }
        }
    }
}

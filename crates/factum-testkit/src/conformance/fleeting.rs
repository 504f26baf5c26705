//! Checks of topics whose records are needed for a short time only.

use std::sync::Arc;
use std::time::Duration;

use factum_core::{EventLog, LogErrorKind, NewTopic, Topic};

use super::Handles;
use super::harness::{
    append, batch, fetch, fresh_name, numbered, open, read_all, reader, soon, values,
};

const KEEP: Duration = Duration::from_secs(3_600);
/// More than any log that forgets by number keeps, in batches that none forgets at once.
const BATCHES: usize = 20;
const BATCH: usize = 4_000;

async fn open_fleeting(log: &Arc<dyn EventLog>, name: &str, partitions: u32) -> Arc<dyn Topic> {
    let create = NewTopic {
        partitions,
        replication: None,
    };
    soon("a topic opens", log.open_fleeting(name, Some(create), KEEP))
        .await
        .expect("a topic opens")
}

/// Who opens it next, with other settings, gets the topic as it was made, and its records.
pub async fn a_fleeting_topic_opened_twice_is_the_same(log: Handles) {
    let name = fresh_name();
    let here = open_fleeting(&log.here, &name, 2).await;
    let there = open_fleeting(&log.there, &name, 5).await;
    assert_eq!(here.name(), name);
    assert_eq!((here.partitions(), there.partitions()), (2, 2));
    append(&here, 1, batch(["a"])).await;
    append(&there, 1, batch(["b"])).await;
    let both = [(0, "a".to_owned()), (1, "b".to_owned())];
    assert_eq!(read_all(&here, 1, 0).await, both);
    assert_eq!(read_all(&there, 1, 0).await, both);
}

/// A reader that follows gets everything while older records vanish. What the topic says is left
/// can be read, and what it forgot is damage to whoever asks for it.
pub async fn a_fleeting_topic_forgets_the_oldest_only(log: Handles) {
    let name = fresh_name();
    let topic = open_fleeting(&log.here, &name, 1).await;
    let other = open_fleeting(&log.there, &name, 1).await;
    append(&topic, 0, batch(["first"])).await;
    let end = topic.end(0).await.expect("the end is known");
    let mut follower = reader(&other, &[(0, end)]).await;
    let mut next = end;
    for round in 0..BATCHES {
        let sent = numbered("a", round * BATCH..(round + 1) * BATCH);
        append(&topic, 0, batch(&sent)).await;
        let mut seen = Vec::new();
        while seen.len() < sent.len() {
            for fetched in fetch(&mut follower).await {
                seen.extend(values(&fetched));
            }
        }
        let wanted: Vec<_> = (next..).zip(sent).collect();
        assert_eq!(seen, wanted, "what was just appended is there");
        next += BATCH as u64;
    }
    let start = other.start(0).await.expect("the start is known");
    assert!(start <= next - 1_000, "the newest are kept: {start}");
    let left = read_all(&other, 0, start).await;
    assert_eq!(left.len() as u64, next - start);
    assert_eq!(left.first().map(|(offset, _)| *offset), Some(start));
    if start > 0 {
        forgotten_is_damage(&topic, start).await;
    }
}

async fn forgotten_is_damage(topic: &Arc<dyn Topic>, start: u64) {
    for forgotten in [0, start - 1] {
        let error = match soon("a reader is answered", topic.read(&[(0, forgotten)])).await {
            Err(error) => error,
            Ok(mut reader) => soon("the reader finds out", reader.next())
                .await
                .expect_err("it is forgotten"),
        };
        assert_eq!(error.kind(), LogErrorKind::Damaged, "{error}");
        for part in [
            format!("no offset {forgotten}"),
            format!("holds {start} to"),
        ] {
            assert!(error.to_string().contains(&part), "it says {part}: {error}");
        }
    }
}

/// A topic that was made to keep its records keeps them, whoever opens it as a fleeting one.
pub async fn a_topic_that_is_there_does_not_become_fleeting(log: Handles) {
    let name = fresh_name();
    let kept = open(&log.here, &name, 2).await;
    append(&kept, 1, batch(["kept"])).await;
    let taken = open_fleeting(&log.there, &name, 5).await;
    assert_eq!(taken.partitions(), 2);
    for round in 0..BATCHES {
        let values = numbered("a", round * BATCH..(round + 1) * BATCH);
        append(&taken, 1, batch(values)).await;
    }
    assert_eq!(taken.start(1).await.expect("the start is known"), 0);
    let all = read_all(&kept, 1, 0).await;
    assert_eq!(all[0], (0, "kept".to_owned()));
    assert_eq!(all.len(), 1 + BATCHES * BATCH);
    open(&log.there, &name, 2).await;
}

/// Who needs records for ever is not given a topic that forgets.
pub async fn a_fleeting_topic_is_refused_to_who_needs_it_for_ever(log: Handles) {
    let name = fresh_name();
    open_fleeting(&log.here, &name, 1).await;
    for create in [None, Some(NewTopic::default())] {
        let error = soon("opening answers", log.there.open(&name, create))
            .await
            .err()
            .expect("it would forget");
        assert_eq!(error.kind(), LogErrorKind::Unsuitable, "{error}");
        let said = error.to_string();
        assert!(said.contains(&name) && said.contains("forget"), "{said}");
    }
}

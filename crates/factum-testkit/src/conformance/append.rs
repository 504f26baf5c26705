//! Checks of appends.

use std::sync::Arc;

use factum_core::{Appended, LogErrorKind, Offset, Records, Topic};
use futures::future::join_all;

use super::Handles;
use super::harness::{append, batch, fresh_name, fresh_topic, numbered, open, read_all, soon};

/// One handle alone on a partition is told where each batch stands, without gaps, and `end` moves.
pub async fn offsets_are_dense_and_the_end_follows(log: Handles) {
    let topic = fresh_topic(&log.here, 1).await;
    assert_eq!(topic.start(0).await.expect("the start is known"), 0);
    let mut expected = 0;
    for size in [1, 3, 2, 100] {
        assert_eq!(topic.end(0).await.expect("the end is known"), expected);
        let answer = append(&topic, 0, batch(numbered("a", 0..size))).await;
        assert_eq!(answer, Appended::At(expected));
        expected += size as Offset;
    }
    assert_eq!(topic.end(0).await.expect("the end is known"), expected);
    assert_eq!(topic.start(0).await.expect("the start is known"), 0);
}

/// Batches that are under way together land in the order in which they were appended.
pub async fn appends_land_in_the_order_of_the_calls(log: Handles) {
    let topic = fresh_topic(&log.here, 1).await;
    let values = numbered("a", 0..2_000);
    let answers: Vec<_> = values
        .chunks(4)
        .map(|four| topic.append(0, batch(four)))
        .collect();
    for (index, answer) in soon("all are acknowledged", join_all(answers))
        .await
        .into_iter()
        .enumerate()
    {
        assert_eq!(
            answer.expect("appends succeed"),
            Appended::At(4 * index as Offset)
        );
    }
    let read: Vec<_> = read_all(&topic, 0, 0)
        .await
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    assert_eq!(read, values);
}

/// An append happens even if nobody waits for its answer.
pub async fn an_append_needs_no_polling(log: Handles) {
    let topic = fresh_topic(&log.here, 1).await;
    drop(topic.append(0, batch(["a"])));
    let unpolled = topic.append(0, batch(["b"]));
    append(&topic, 0, batch(["c"])).await;
    let read: Vec<_> = read_all(&topic, 0, 0)
        .await
        .into_iter()
        .map(|(_, value)| value)
        .collect();
    assert_eq!(read, ["a", "b", "c"]);
    drop(unpolled);
}

/// Tasks that append to partitions of their own don't disturb each other.
pub async fn many_partitions_take_appends_at_once(log: Handles) {
    let topic = fresh_topic(&log.here, 8).await;
    let tasks = (0..8).map(|partition| {
        let topic = topic.clone();
        tokio::spawn(async move {
            for round in 0..50_usize {
                let values = numbered(&format!("p{partition}-"), 2 * round..2 * round + 2);
                assert_eq!(
                    append(&topic, partition, batch(values)).await,
                    Appended::At(2 * round as Offset)
                );
            }
        })
    });
    for done in join_all(tasks).await {
        done.expect("appends succeed");
    }
    for partition in 0..8 {
        let read: Vec<_> = read_all(&topic, partition, 0)
            .await
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(read, numbered(&format!("p{partition}-"), 0..100));
    }
}

/// Two handles that append to one partition: whoever is told an offset finds its batch there, side
/// by side, and nothing is lost or reordered.
pub async fn a_batch_knows_its_offset_only_when_it_stands_side_by_side(log: Handles) {
    let name = fresh_name();
    let here = open(&log.here, &name, 1).await;
    let there = open(&log.there, &name, 1).await;
    let (a, b) = tokio::join!(append_many(&here, "a"), append_many(&there, "b"));
    let log = read_all(&here, 0, 0).await;
    for (who, answers) in [("a", a), ("b", b)] {
        let own: Vec<_> = log
            .iter()
            .map(|(_, value)| value)
            .filter(|it| it.starts_with(who))
            .collect();
        assert_eq!(
            own,
            numbered(who, 0..3 * answers.len())
                .iter()
                .collect::<Vec<_>>()
        );
        for (index, answer) in answers.into_iter().enumerate() {
            let Appended::At(first) = answer else {
                continue;
            };
            let found: Vec<_> = log[first as usize..first as usize + 3]
                .iter()
                .map(|(_, value)| value.clone())
                .collect();
            assert_eq!(found, numbered(who, 3 * index..3 * index + 3));
        }
    }
}

/// Appends 300 batches of 3, pipelined.
async fn append_many(topic: &Arc<dyn Topic>, who: &str) -> Vec<Appended> {
    let batches = (0..300).map(|index| batch(numbered(who, 3 * index..3 * index + 3)));
    let answers = batches.map(|records| topic.append(0, records));
    let answers = soon("all are acknowledged", join_all(answers)).await;
    answers
        .into_iter()
        .map(|answer| answer.expect("appends succeed"))
        .collect()
}

/// A record above the topic's limit is refused with a clear error; one at the limit is taken.
pub async fn a_record_that_is_too_large_is_refused(log: Handles) {
    let topic = fresh_topic(&log.here, 1).await;
    let fitting = |bytes: usize| batch([vec![b'x'; bytes - "key".len() - "header".len()]]);
    let limit = topic.max_record_bytes();
    let error = soon("an append is answered", topic.append(0, fitting(limit + 1))).await;
    let error = error.expect_err("the record is too large");
    assert_eq!(error.kind(), LogErrorKind::Unsuitable, "{error}");
    assert!(
        error.to_string().contains(topic.name()),
        "the message names the topic: {error}"
    );
    assert_eq!(append(&topic, 0, fitting(limit)).await, Appended::At(0));
}

/// There is no partition beyond the last.
pub async fn appends_to_a_partition_that_is_not_there_fail(log: Handles) {
    let topic = fresh_topic(&log.here, 2).await;
    let not_found = |error: Option<factum_core::LogError>| {
        let error = error.expect("there is no such partition");
        assert_eq!(error.kind(), LogErrorKind::NotFound, "{error}");
    };
    not_found(
        soon("an append is answered", topic.append(2, batch(["a"])))
            .await
            .err(),
    );
    not_found(soon("the end is answered", topic.end(2)).await.err());
    not_found(
        soon("a reader is answered", topic.read(&[(2, 0)]))
            .await
            .err(),
    );
    assert_eq!(
        append(&topic, 0, Records::clone(&batch(["a"]))).await,
        Appended::At(0)
    );
}

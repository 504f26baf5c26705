//! Checks of readers.

use std::collections::BTreeMap;
use std::time::Duration;

use factum_core::{LogErrorKind, RecordRef, Records};
use futures::FutureExt;

use super::Handles;
use super::harness::{
    append, batch, fetch, fresh_name, fresh_topic, numbered, open, read_all, reader, soon, values,
};

/// Keys, headers and values come back as they were, whatever they hold.
pub async fn reading_gives_back_whole_records(log: Handles) {
    let topic = fresh_topic(&log.here, 1).await;
    let large = vec![7; topic.max_record_bytes() - 2];
    let records = [
        RecordRef {
            key: b"loan-1",
            header: Some(b"h"),
            value: b"value",
        },
        RecordRef {
            key: b"",
            header: Some(&[0, 255]),
            value: b"a claim has no key",
        },
        RecordRef {
            key: b"key",
            header: None,
            value: b"a stranger has no header",
        },
        RecordRef {
            key: b"\xff\x00",
            header: Some(b""),
            value: b"",
        },
        RecordRef {
            key: b"k",
            header: Some(b"h"),
            value: &large,
        },
    ];
    for record in records {
        let mut one = Records::new();
        one.push(record);
        append(&topic, 0, one).await;
    }
    let mut reader = reader(&topic, &[(0, 0)]).await;
    let mut seen = 0;
    while seen < records.len() {
        for fetched in fetch(&mut reader).await {
            for (offset, record) in fetched.iter() {
                assert_eq!(record, records[offset as usize]);
                seen += 1;
            }
        }
    }
}

/// A reader may start anywhere between start and end, in the middle of a batch too.
pub async fn reading_starts_at_any_offset(log: Handles) {
    let topic = fresh_topic(&log.here, 1).await;
    for round in 0..5 {
        append(&topic, 0, batch(numbered("a", 10 * round..10 * round + 10))).await;
    }
    for from in [0, 1, 9, 10, 37, 49, 50] {
        let expected: Vec<_> = (from..).zip(numbered("a", from as usize..50)).collect();
        assert_eq!(read_all(&topic, 0, from).await, expected);
    }
}

/// One reader of several partitions gives each of them whole and in order, at most one batch each.
pub async fn several_partitions_are_read_together(log: Handles) {
    let topic = fresh_topic(&log.here, 3).await;
    for partition in 0..3 {
        append(
            &topic,
            partition,
            batch(numbered(&format!("p{partition}-"), 0..500)),
        )
        .await;
    }
    let mut reader = reader(&topic, &[(0, 0), (2, 100)]).await;
    let mut seen: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    while seen.values().map(Vec::len).sum::<usize>() < 900 {
        let mut told = Vec::new();
        for fetched in fetch(&mut reader).await {
            assert!(
                !told.contains(&fetched.partition),
                "at most one batch for each partition"
            );
            told.push(fetched.partition);
            let values = values(&fetched).into_iter().map(|(_, value)| value);
            seen.entry(fetched.partition).or_default().extend(values);
        }
    }
    assert_eq!(
        seen,
        BTreeMap::from([(0, numbered("p0-", 0..500)), (2, numbered("p2-", 100..500))])
    );
}

/// A reader at the end waits, and gets what another handle appends.
pub async fn a_reader_follows_what_is_appended(log: Handles) {
    let name = fresh_name();
    let here = open(&log.here, &name, 2).await;
    let there = open(&log.there, &name, 2).await;
    let mut reader = reader(&here, &[(0, 0), (1, 0)]).await;
    let mut expected = BTreeMap::from([(0, 0), (1, 0)]);
    for round in 0..20_u64 {
        let partition = (round % 2) as u32;
        append(&there, partition, batch([round.to_string()])).await;
        loop {
            let told = fetch(&mut reader).await;
            let records: Vec<_> = told.iter().filter(|it| !it.records.is_empty()).collect();
            if records.is_empty() {
                continue;
            }
            let next = expected
                .get_mut(&partition)
                .expect("both partitions are read");
            assert_eq!(values(records[0]), [(*next, round.to_string())]);
            *next += 1;
            break;
        }
    }
}

/// Each partition says once that its end was reached, an empty one too, and again after it grew.
pub async fn the_end_is_reported_once_each_time_it_is_reached(log: Handles) {
    let topic = fresh_topic(&log.here, 2).await;
    append(&topic, 0, batch(numbered("a", 0..10))).await;
    let mut reader = reader(&topic, &[(0, 0), (1, 0)]).await;
    let mut ends = BTreeMap::new();
    while ends.len() < 2 {
        for fetched in fetch(&mut reader).await {
            if fetched.at_end {
                assert_eq!(
                    ends.insert(fetched.partition, fetched.next),
                    None,
                    "an end is reported once"
                );
            }
        }
    }
    assert_eq!(ends, BTreeMap::from([(0, 10), (1, 0)]));
    let quiet = tokio::time::timeout(Duration::from_millis(700), reader.next()).await;
    assert!(
        quiet.is_err(),
        "nothing is told while nothing happens: {quiet:?}"
    );
    append(&topic, 1, batch(["b"])).await;
    let mut reached = None;
    while reached.is_none() {
        for fetched in fetch(&mut reader).await {
            assert_eq!(fetched.partition, 1);
            reached = fetched.at_end.then_some(fetched.next);
        }
    }
    assert_eq!(reached, Some(1));
}

/// A dropped `next` takes no record with it.
pub async fn a_cancelled_read_loses_no_record(log: Handles) {
    let topic = fresh_topic(&log.here, 1).await;
    let mut reader = reader(&topic, &[(0, 0)]).await;
    let mut seen = Vec::new();
    for round in 0..100 {
        drop(topic.append(0, batch(numbered("a", 10 * round..10 * round + 10))));
        // Polled once and dropped, or given a moment in which it may or may not get something.
        let patience = Duration::from_micros(50 * (round as u64 % 20));
        let told = match round % 2 {
            0 => reader.next().now_or_never(),
            _ => tokio::time::timeout(patience, reader.next()).await.ok(),
        };
        for fetched in told
            .transpose()
            .expect("reading succeeds")
            .unwrap_or_default()
        {
            seen.extend(values(&fetched).into_iter().map(|(_, value)| value));
        }
    }
    // One more, so that the last read is one that nobody cancels.
    append(&topic, 0, batch(["last"])).await;
    while seen.last().is_none_or(|last| last != "last") {
        for fetched in fetch(&mut reader).await {
            seen.extend(values(&fetched).into_iter().map(|(_, value)| value));
        }
    }
    seen.pop();
    assert_eq!(seen, numbered("a", 0..1_000));
}

/// Whoever asks for an offset that the log doesn't have holds a position of more than there is.
pub async fn a_start_outside_the_log_is_damage(log: Handles) {
    let topic = fresh_topic(&log.here, 1).await;
    append(&topic, 0, batch(["a", "b"])).await;
    let error = match soon("a reader is answered", topic.read(&[(0, 3)])).await {
        Err(error) => error,
        Ok(mut reader) => soon("the reader finds out", reader.next())
            .await
            .expect_err("out of range"),
    };
    assert_eq!(error.kind(), LogErrorKind::Damaged, "{error}");
    for part in ["partition 0", "offset 3"] {
        assert!(
            error.to_string().contains(part),
            "the message says {part}: {error}"
        );
    }
}

//! Topics that may forget, on a real Kafka.

mod harness;

use std::time::Duration;

use factum_core::{EventLog, LogErrorKind, NewTopic};
use factum_testkit::servers;

use harness::{Operator, connect, fresh_name, read_to_end, record, soon};

const CREATE: NewTopic = NewTopic {
    partitions: 1,
    replication: None,
};
const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_fleeting_topic_is_told_to_forget() {
    let kafka = servers::kafka();
    let (log, operator, name) = (connect(&kafka).await, Operator::of(&kafka), fresh_name());
    let topic = log.open_fleeting(&name, Some(CREATE), MINUTE).await;
    let topic = topic.expect("it is made");
    for (setting, wanted) in [
        ("cleanup.policy", "delete"),
        ("retention.ms", "60000"),
        ("retention.bytes", "-1"),
        ("segment.ms", "60000"),
        ("segment.bytes", "33554432"),
        ("message.timestamp.type", "LogAppendTime"),
    ] {
        let found = operator.setting(&name, setting).await;
        assert_eq!(found.as_deref(), Some(wanted), "{setting}");
    }
    for value in ["a", "b", "c"] {
        topic.append(0, record(value)).await.expect("lands");
    }
    // What a retention does, at once.
    let mut follower = topic.read(&[(0, 3)]).await.expect("a reader");
    operator.delete_records(&name, 2).await;
    assert_eq!(topic.start(0).await.expect("the start is known"), 2);
    topic.append(0, record("d")).await.expect("lands");
    let (left, _) = read_to_end(&topic, 2).await;
    assert_eq!(left, [(2, "c".to_owned()), (3, "d".to_owned())]);
    let mut followed = 3;
    while followed < 4 {
        for fetched in soon("reading goes on", follower.next())
            .await
            .expect("it does")
        {
            followed = fetched.next;
        }
    }
}

#[tokio::test]
async fn a_compacted_topic_is_no_fleeting_one_and_others_are_taken_as_they_are() {
    let kafka = servers::kafka();
    let (log, operator) = (connect(&kafka).await, Operator::of(&kafka));
    for (policy, retention, fits) in [
        ("compact", "-1", false),
        ("compact,delete", "60000", false),
        ("delete", "1000000", true),
        ("delete", "-1", true),
    ] {
        let name = fresh_name();
        let settings = [("cleanup.policy", policy), ("retention.ms", retention)];
        operator.create(&name, &settings).await;
        let opened = log.open_fleeting(&name, Some(CREATE), MINUTE).await;
        match opened.err() {
            None => assert!(fits, "{policy}"),
            Some(error) => {
                assert!(!fits, "{error}");
                assert_eq!(error.kind(), LogErrorKind::Unsuitable);
                assert!(error.to_string().contains(policy), "{error}");
            }
        }
        let kept = operator.setting(&name, "retention.ms").await;
        assert_eq!(kept.as_deref(), Some(retention), "nobody changes it");
    }
}

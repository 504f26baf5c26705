//! What can't work is refused, with an error that says what, where, and what to do.

mod harness;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use factum_core::{EventLog, LogErrorKind, NewTopic};
use factum_kafka::{KafkaLog, KafkaSettings};
use factum_testkit::servers;

use harness::{Operator, connect, fresh_name, fresh_topic, record, soon};

#[tokio::test]
async fn a_topic_that_would_forget_is_refused_until_it_is_mended() {
    let kafka = servers::kafka();
    let (log, operator, topic) = (connect(&kafka).await, Operator::of(&kafka), fresh_name());
    operator
        .create(
            &topic,
            &[("cleanup.policy", "compact"), ("retention.ms", "86400000")],
        )
        .await;
    for create in [None, Some(NewTopic::default())] {
        let error = log
            .open(&topic, create)
            .await
            .err()
            .expect("it would forget");
        assert_eq!(error.kind(), LogErrorKind::Unsuitable);
        let wanted = format!(
            "topic {topic} would forget events: cleanup.policy=compact, retention.ms=86400000. Mend it with: \
             kafka-configs.sh --bootstrap-server {kafka} --alter --entity-type topics --entity-name {topic} \
             --add-config cleanup.policy=delete,retention.ms=-1"
        );
        assert_eq!(error.to_string(), wanted);
    }
    operator
        .alter(
            &topic,
            &[("cleanup.policy", "delete"), ("retention.ms", "-1")],
        )
        .await;
    let mended = async { while log.open(&topic, None).await.is_err() {} };
    soon("the mended topic opens", mended).await;
}

#[tokio::test]
async fn a_silent_or_absent_kafka_is_unreachable_at_its_address() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let absent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addresses = [&silent, &absent].map(|it| it.local_addr().expect("an address").to_string());
    drop(absent);
    for address in addresses {
        let settings = KafkaSettings {
            answer_timeout: Duration::from_secs(1),
            ..KafkaSettings::new(&address)
        };
        let started = Instant::now();
        let error = KafkaLog::connect(&settings)
            .await
            .err()
            .expect("nothing answers");
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "it took {:?}",
            started.elapsed()
        );
        assert_eq!(error.kind(), LogErrorKind::Unreachable, "{error}");
        assert!(
            error.is_retryable() && error.to_string().contains(&address),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_setting_that_librdkafka_does_not_know_is_refused() {
    let settings = KafkaSettings::new("127.0.0.1:9").with("no.such.property", "1");
    let error = KafkaLog::connect(&settings)
        .await
        .err()
        .expect("it is not known");
    let cause = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert!(cause.contains("no.such.property"), "{error}: {cause}");
}

#[tokio::test]
async fn records_that_were_deleted_are_damage_to_whoever_needs_them() {
    let kafka = servers::kafka();
    let log = connect(&kafka).await;
    let topic = fresh_topic(&log, 1).await;
    for value in ["a", "b", "c"] {
        topic.append(0, record(value)).await.expect("lands");
    }
    Operator::of(&kafka).delete_records(topic.name(), 2).await;
    assert_eq!(topic.start(0).await.expect("the start is known"), 2);
    let mut reader = topic.read(&[(0, 1)]).await.expect("a reader");
    let error = soon("the reader finds out", reader.next())
        .await
        .expect_err("it is gone");
    assert_eq!(error.kind(), LogErrorKind::Damaged);
    let wanted = format!(
        "topic {} has lost records, or is another topic under the same name: \
         partition 0 has no offset 1, it holds 2 to 3",
        topic.name()
    );
    assert_eq!(error.to_string(), wanted);
    let (rest, _) = harness::read_to_end(&topic, 2).await;
    assert_eq!(rest, [(2, "c".to_owned())]);
}

#[tokio::test]
async fn an_impossible_topic_is_not_created() {
    let log = connect(&servers::kafka()).await;
    for (name, create) in [
        (
            fresh_name(),
            NewTopic {
                partitions: 0,
                replication: None,
            },
        ),
        (
            fresh_name(),
            NewTopic {
                partitions: 1,
                replication: Some(99),
            },
        ),
        ("no spaces allowed".to_owned(), NewTopic::default()),
    ] {
        let error = log
            .open(&name, Some(create))
            .await
            .err()
            .expect("it can't be made");
        assert_eq!(error.kind(), LogErrorKind::Unsuitable, "{error:?}");
        assert!(error.to_string().contains(&name), "{error}");
    }
}

//! Records that Factum did not write, and transactions that it does not use.

mod harness;

use std::sync::Arc;
use std::time::Duration;

use factum_core::{RecordRef, Topic};
use factum_testkit::servers;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use harness::{connect, fresh_name, fresh_topic, read_to_end, record, soon};

type Stranger = ThreadedProducer<DefaultProducerContext>;

fn stranger(kafka: &str, settings: &[(&str, &str)]) -> Stranger {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka);
    for (setting, value) in settings {
        config.set(*setting, *value);
    }
    config.create().expect("a producer")
}

async fn wait_for_end(topic: &Arc<dyn Topic>, end: u64) {
    let reached = async { while topic.end(0).await.expect("the end is known") < end {} };
    soon("the partition grows", reached).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_record_is_read_without_a_header() {
    let kafka = servers::kafka();
    let topic = fresh_topic(&connect(&kafka).await, 1).await;
    let stranger = stranger(&kafka, &[]);
    let other = OwnedHeaders::new().insert(Header {
        key: "ce_id",
        value: Some("7"),
    });
    let tombstone = BaseRecord::<(), ()>::to(topic.name())
        .partition(0)
        .headers(other);
    stranger.send(tombstone).map_err(|it| it.0).expect("sent");
    let both = OwnedHeaders::new()
        .insert(Header {
            key: "ce_id",
            value: Some("8"),
        })
        .insert(Header {
            key: "factum",
            value: Some("mine"),
        });
    let mixed = BaseRecord::to(topic.name())
        .partition(0)
        .key("k")
        .payload("v")
        .headers(both);
    stranger.send(mixed).map_err(|it| it.0).expect("sent");
    wait_for_end(&topic, 2).await;
    let mut reader = topic.read(&[(0, 0)]).await.expect("a reader");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        for fetched in soon("reading goes on", reader.next())
            .await
            .expect("reading succeeds")
        {
            for (_, RecordRef { key, header, value }) in fetched.iter() {
                seen.push((key.to_vec(), header.map(<[u8]>::to_vec), value.to_vec()));
            }
        }
    }
    let mixed = (b"k".to_vec(), Some(b"mine".to_vec()), b"v".to_vec());
    assert_eq!(seen, [(vec![], None, vec![]), mixed]);
}

/// The marker of a transaction takes an offset and is never shown: reading goes past it.
#[tokio::test(flavor = "multi_thread")]
async fn a_transactions_marker_at_the_end_is_passed() {
    let kafka = servers::kafka();
    let topic = fresh_topic(&connect(&kafka).await, 1).await;
    let stranger = stranger(&kafka, &[("transactional.id", &fresh_name())]);
    stranger
        .init_transactions(Duration::from_secs(30))
        .expect("transactions work");
    stranger.begin_transaction().expect("a transaction begins");
    let send = || {
        let record = BaseRecord::to(topic.name())
            .partition(0)
            .key("k")
            .payload("stranger");
        stranger.send(record).map_err(|it| it.0).expect("sent");
    };
    send();
    wait_for_end(&topic, 1).await;
    // The transaction is still open, and holds up nobody.
    topic.append(0, record("own")).await.expect("lands");
    assert_eq!(topic.end(0).await.expect("the end is known"), 2);
    let both = [(0, "stranger".to_owned()), (1, "own".to_owned())];
    assert_eq!(read_to_end(&topic, 0).await, (both.to_vec(), 2));
    stranger
        .commit_transaction(Duration::from_secs(30))
        .expect("it commits");
    wait_for_end(&topic, 3).await;
    assert_eq!(read_to_end(&topic, 0).await, (both.to_vec(), 3));
}

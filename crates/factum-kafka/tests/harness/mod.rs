//! What the tests on a real Kafka share.
#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::Arc;
use std::time::Duration;

use factum_core::{EventLog, NewTopic, Offset, RecordRef, Records, Topic};
use factum_kafka::{KafkaLog, KafkaSettings};
use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic as Create, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;

/// How long anything may take before a test fails.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub fn settings(servers: &str) -> KafkaSettings {
    KafkaSettings {
        session_timeout: Duration::from_secs(6),
        ..KafkaSettings::new(servers)
    }
}

pub async fn connect(servers: &str) -> KafkaLog {
    KafkaLog::connect(&settings(servers))
        .await
        .expect("the test Kafka answers")
}

pub fn fresh_name() -> String {
    format!("test-{}", uuid::Uuid::new_v4())
}

pub async fn fresh_topic(log: &KafkaLog, partitions: u32) -> Arc<dyn Topic> {
    let create = NewTopic {
        partitions,
        replication: None,
    };
    log.open(&fresh_name(), Some(create))
        .await
        .expect("a topic is made")
}

pub fn record(value: &str) -> Records {
    let mut records = Records::new();
    records.push(RecordRef {
        key: b"key",
        header: Some(b"header"),
        value: value.as_bytes(),
    });
    records
}

/// Waits for something that must happen.
pub async fn soon<F: Future>(what: &str, happens: F) -> F::Output {
    match tokio::time::timeout(DEADLINE, happens).await {
        Ok(output) => output,
        Err(_) => panic!("not within {DEADLINE:?}: {what}"),
    }
}

/// Everything that partition 0 holds between an offset and its end, and where that is.
pub async fn read_to_end(topic: &Arc<dyn Topic>, from: Offset) -> (Vec<(Offset, String)>, Offset) {
    let end = topic.end(0).await.expect("the end is known");
    let mut reader = topic.read(&[(0, from)]).await.expect("a reader");
    let (mut records, mut next) = (Vec::new(), from);
    while next < end {
        for fetched in soon("reading goes on", reader.next())
            .await
            .expect("reading succeeds")
        {
            let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            records.extend(fetched.iter().map(|(offset, it)| (offset, text(it.value))));
            next = fetched.next;
        }
    }
    (records, next)
}

/// An operator's hands on the cluster.
pub struct Operator(AdminClient<DefaultClientContext>);

impl Operator {
    pub fn of(servers: &str) -> Self {
        let mut config = ClientConfig::new();
        Self(
            config
                .set("bootstrap.servers", servers)
                .create()
                .expect("an admin client"),
        )
    }

    pub async fn create(&self, topic: &str, settings: &[(&str, &str)]) {
        let mut create = Create::new(topic, 1, TopicReplication::Fixed(-1));
        for (setting, value) in settings {
            create = create.set(setting, value);
        }
        let done = self.0.create_topics([&create], &AdminOptions::new()).await;
        done.expect("the cluster answers")[0]
            .as_ref()
            .expect("the topic is created");
    }

    pub async fn alter(&self, topic: &str, settings: &[(&str, &str)]) {
        let mut alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (setting, value) in settings {
            alter = alter.set(setting, value);
        }
        let done = self.0.alter_configs([&alter], &AdminOptions::new()).await;
        done.expect("the cluster answers")[0]
            .as_ref()
            .expect("the settings are changed");
    }

    /// What a topic is set to.
    pub async fn setting(&self, topic: &str, setting: &str) -> Option<String> {
        let resource = [&ResourceSpecifier::Topic(topic)];
        let described = self.0.describe_configs(resource, &AdminOptions::new());
        let described = described.await.expect("the cluster answers").remove(0);
        let described = described.expect("the topic is described");
        described.get(setting)?.value.clone()
    }

    /// Deletes partition 0's records below an offset.
    pub async fn delete_records(&self, topic: &str, before: i64) {
        let mut list = rdkafka::TopicPartitionList::new();
        let at = rdkafka::Offset::Offset(before);
        list.add_partition_offset(topic, 0, at)
            .expect("a partition");
        let done = self.0.delete_records(&list, &AdminOptions::new()).await;
        done.expect("the records are deleted");
    }
}

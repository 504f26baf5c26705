//! The write side on a real Kafka.

use std::sync::Arc;
use std::time::Duration;

use factum::{
    CommandOptions, Engine, EngineError, EngineOptions, Event, EventLog, KafkaLog, KafkaSettings,
    LogError, LogErrorKind, NewTopic, Topic, events_topic, uuid::Uuid,
};
use factum_testkit::doctest::{Light, LightEvent, Switch};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;

/// A log whose topics are this test's alone.
struct Own(KafkaLog, Uuid);

#[async_trait::async_trait]
impl EventLog for Own {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.0.open(&format!("{}.{topic}", self.1), create).await
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let topic = format!("{}.{topic}", self.1);
        self.0.open_fleeting(&topic, create, keep).await
    }
}

async fn own_log() -> Arc<dyn EventLog> {
    let settings = KafkaSettings::new(factum_testkit::servers::kafka());
    Arc::new(Own(
        KafkaLog::connect(&settings).await.unwrap(),
        Uuid::new_v4(),
    ))
}

fn options(log: &str) -> EngineOptions {
    EngineOptions {
        create: Some(NewTopic {
            partitions: 2,
            ..NewTopic::default()
        }),
        group: Some(log.to_owned()),
        ..EngineOptions::default()
    }
}

async fn topic(log: &Arc<dyn EventLog>) -> Arc<dyn Topic> {
    let create = Some(NewTopic {
        partitions: 2,
        replication: None,
    });
    log.open(&events_topic(LightEvent::AGGREGATE), create)
        .await
        .unwrap()
}

#[tokio::test]
async fn commands_survive_a_restart_and_take_effect_once() {
    let log = own_log().await;
    let group = topic(&log).await.name().to_owned();
    let command = CommandOptions {
        command_id: Some(Uuid::from_u128(1)),
        ..CommandOptions::default()
    };
    let mut receipts = Vec::new();
    for _ in 0..2 {
        let engine = Engine::<Light>::start(log.clone(), options(&group))
            .await
            .unwrap();
        engine.ready().await.unwrap();
        receipts.push(
            engine
                .execute_with("hall", Switch::On, command.clone())
                .await
                .unwrap(),
        );
        let off_and_on = [Switch::Off, Switch::On].map(|switch| engine.execute("attic", switch));
        for execute in off_and_on {
            execute.await.unwrap();
        }
        engine.shutdown().await.unwrap();
    }
    assert_eq!(receipts[0], receipts[1]);
    assert_eq!((receipts[0].version, receipts[0].events), (1, 1));
}

#[tokio::test]
async fn a_changed_partition_count_is_refused() {
    let log = own_log().await;
    let name = topic(&log).await.name().to_owned();
    let engine = Engine::<Light>::start(log.clone(), options(&name))
        .await
        .unwrap();
    engine.ready().await.unwrap();
    engine.execute("hall", Switch::On).await.unwrap();
    engine.shutdown().await.unwrap();
    add_partitions(&name, 4).await;

    let EngineError::Log(error) = start_error(&log, &name).await else {
        panic!("the log is to blame")
    };
    assert_eq!(error.kind(), LogErrorKind::Unsuitable, "{error}");
    let message = error.to_string();
    assert!(
        message.contains(&name) && message.contains("had 2 partitions"),
        "{message}"
    );
    assert!(message.contains("has 4 now"), "{message}");
}

async fn start_error(log: &Arc<dyn EventLog>, group: &str) -> EngineError {
    match Engine::<Light>::start(log.clone(), options(group)).await {
        Err(error) => error,
        Ok(_) => panic!("the engine started"),
    }
}

async fn add_partitions(topic: &str, partitions: usize) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", factum_testkit::servers::kafka());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let grown = NewPartitions::new(topic, partitions);
    let results = admin
        .create_partitions(&[grown], &AdminOptions::new())
        .await
        .unwrap();
    results.into_iter().for_each(|result| _ = result.unwrap());
    let metadata = || {
        admin
            .inner()
            .fetch_metadata(Some(topic), std::time::Duration::from_secs(10))
            .unwrap()
    };
    while metadata().topics()[0].partitions().len() < partitions {
        tokio::task::yield_now().await;
    }
}

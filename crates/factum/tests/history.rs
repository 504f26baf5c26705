//! One aggregate's past on a real Kafka: what an engine tells is what a plain reader finds in the log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use factum::{
    Aggregate, At, CheckpointOptions, Checkpoints, CommitReader, DecodeError, Engine,
    EngineOptions, Event, EventLog, HistoryError, KafkaLog, KafkaSettings, NewTopic, Position,
    Recorded, Topic, events_topic, uuid::Uuid,
};
use factum_core::{EventHeader, Header, RecordRef, Records, Stamp};
use serde::{Deserialize, Serialize};

const PARTITIONS: u32 = 2;

/// A number that a sum grew by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Added(u64);

impl Event for Added {
    const AGGREGATE: &'static str = "history.sum";

    fn name(&self) -> &'static str {
        "Added"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_le_bytes());
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let bytes = value.try_into();
        let bytes = bytes.map_err(|_| DecodeError::new("not 8 bytes"))?;
        Ok(Self(u64::from_le_bytes(bytes)))
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    sum: u64,
}

impl Aggregate for Sum {
    type Command = Vec<u64>;
    type Event = Added;
    type Rejection = ();

    fn decide(&self, numbers: Vec<u64>) -> Result<Vec<Added>, ()> {
        Ok(numbers.into_iter().map(Added).collect())
    }

    fn apply(&mut self, event: &Added) {
        self.sum = self.sum.wrapping_mul(31).wrapping_add(event.0);
    }
}

/// A log whose topics are this test's alone.
struct Own(KafkaLog, Uuid);

#[async_trait::async_trait]
impl EventLog for Own {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, factum::LogError> {
        self.0.open(&format!("{}.{topic}", self.1), create).await
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, factum::LogError> {
        let topic = format!("{}.{topic}", self.1);
        self.0.open_fleeting(&topic, create, keep).await
    }
}

struct System {
    log: Arc<dyn EventLog>,
    topic: Arc<dyn Topic>,
    group: String,
    dir: tempfile::TempDir,
}

impl System {
    async fn new() -> Self {
        let settings = KafkaSettings::new(factum_testkit::servers::kafka());
        let kafka = KafkaLog::connect(&settings).await.unwrap();
        let unique = Uuid::new_v4();
        let log: Arc<dyn EventLog> = Arc::new(Own(kafka, unique));
        let create = Some(NewTopic {
            partitions: PARTITIONS,
            replication: None,
        });
        let topic = log.open(&events_topic(Added::AGGREGATE), create).await;
        Self {
            topic: topic.unwrap(),
            log,
            group: unique.to_string(),
            dir: tempfile::tempdir().unwrap(),
        }
    }

    async fn start(&self, dir: &Path, every: Duration) -> Engine<Sum> {
        let options = EngineOptions {
            group: Some(self.group.clone()),
            ..EngineOptions::default()
        };
        let checkpoints = CheckpointOptions {
            history: true,
            every,
            ..CheckpointOptions::in_dir(dir)
        };
        let builder = Engine::builder(self.log.clone()).options(options);
        let builder = builder.checkpoints(Checkpoints::new(checkpoints));
        let engine = builder.start().await.unwrap();
        engine.ready().await.unwrap();
        engine
    }

    /// The valid events of each aggregate, as a plain reader finds them.
    async fn scan(&self) -> BTreeMap<String, Vec<Recorded<Added>>> {
        let (topic, mut found) = (&self.topic, BTreeMap::<String, Vec<_>>::new());
        for partition in 0..PARTITIONS {
            let end = topic.end(partition).await.unwrap();
            let mut reader = topic.read(&[(partition, 0)]).await.unwrap();
            let mut commits =
                CommitReader::new(topic.name(), partition, PARTITIONS, Position::START);
            let mut at = 0;
            while at < end {
                for fetched in reader.next().await.unwrap() {
                    at = fetched.next;
                    let read = commits.read(&fetched, |event| {
                        let event = Recorded::decode(topic.name(), event)?;
                        found.entry(event.id.clone()).or_default().push(event);
                        Ok(())
                    });
                    read.unwrap();
                }
            }
        }
        found
    }

    /// What has no effect: a record that Factum did not write, and an event of an epoch that is over.
    async fn add_noise(&self, id: &str) {
        let stamp = Stamp {
            epoch: 0,
            sequence: 1,
            index: 0,
            size: 1,
        };
        let header = EventHeader {
            stamp,
            version: 1,
            ..EventHeader::default()
        };
        let mut records = Records::new();
        records.push(RecordRef {
            key: id.as_bytes(),
            header: None,
            value: b"?",
        });
        records.push_encoded(
            id.as_bytes(),
            |out| Header::Event(header).encode(out),
            |out| Added(7).encode(out),
        );
        for partition in 0..PARTITIONS {
            let records = records.clone();
            self.topic.append(partition, records).await.unwrap();
        }
    }
}

async fn work(engine: &Engine<Sum>, commands: u64) {
    for number in 0..commands {
        let numbers = (0..=number % 3).map(|it| number + it).collect::<Vec<_>>();
        engine
            .execute(format!("sum-{}", number % 5), numbers)
            .await
            .unwrap();
    }
}

/// All that is told is what the log holds: events, and the states that they lead to.
async fn assert_told(engine: &Engine<Sum>, system: &System) {
    let scan = system.scan().await;
    assert_eq!(scan.len(), 5);
    for (id, events) in scan {
        assert_eq!(engine.history(&id).await.unwrap(), events, "{id}");
        let page = engine.history_page(&id, 3, 4).await.unwrap();
        assert_eq!((&*page.events, page.next), (&events[2..6], Some(7)), "{id}");
        let mut state = Sum::default();
        for event in &events {
            state.apply(&event.event);
            let at = At::Version(event.version);
            let past = engine.state_at(&id, at).await.unwrap();
            assert_eq!((past.version, past.state), (event.version, state.clone()));
            let past = engine.state_at(&id, At::Time(event.time)).await.unwrap();
            let last = events.iter().rfind(|it| it.time <= event.time).unwrap();
            assert_eq!(past.version, last.version, "{id}");
        }
        let beyond = At::Version(events.len() as u64 + 1);
        let error = engine.state_at(&id, beyond).await.unwrap_err();
        assert!(matches!(error, HistoryError::Beyond { .. }), "{error}");
    }
    assert_eq!(engine.history("nobody").await.unwrap(), []);
}

#[tokio::test]
async fn an_engine_tells_what_the_log_holds() {
    let system = System::new().await;
    let (often, never) = (Duration::from_millis(1), Duration::from_secs(3600));
    let own = system.dir.path().join("one");
    // From memory, for no checkpoint is written yet.
    let engine = system.start(&own, never).await;
    work(&engine, 40).await;
    system.add_noise("sum-1").await;
    work(&engine, 40).await;
    assert_told(&engine, &system).await;
    engine.shutdown().await.unwrap();
    // From the checkpoint, and from both while checkpoints are written.
    let engine = system.start(&own, often).await;
    assert_told(&engine, &system).await;
    system.add_noise("sum-2").await;
    work(&engine, 60).await;
    assert_told(&engine, &system).await;
    engine.shutdown().await.unwrap();
    // Another one makes its own from the log.
    let engine = system.start(&system.dir.path().join("other"), often).await;
    assert_told(&engine, &system).await;
    engine.shutdown().await.unwrap();
}

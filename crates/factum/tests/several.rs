//! A read model of two aggregates' topics, on a real Kafka and a real Postgres.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use factum::{
    Aggregate, DecodeError, Engine, EngineOptions, Event, EventLog, Events, Fold, KafkaLog,
    KafkaSettings, LogError, NewTopic, ProjectorOptions, Recorded, Row, Topic, uuid::Uuid,
};
use factum_projector::tokio_postgres::{self, Client, NoTls};
use factum_projector::{Operations, Summary};
use factum_testkit::doctest::{Light, LightEvent, Switch};
use factum_testkit::servers;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const MINUTE: Duration = Duration::from_secs(60);
const ROOMS: [&str; 7] = ["attic", "bath", "cellar", "den", "hall", "kitchen", "porch"];

/// A door, which tells who came through it.
#[derive(Debug, Default)]
struct Door;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Passed(u8);

impl Aggregate for Door {
    type Command = u8;
    type Event = Passed;
    type Rejection = ();

    fn decide(&self, who: u8) -> Result<Vec<Passed>, ()> {
        Ok(vec![Passed(who)])
    }

    fn apply(&mut self, _: &Passed) {}
}

impl Event for Passed {
    const AGGREGATE: &'static str = "home.door";

    fn name(&self) -> &'static str {
        "Passed"
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.0);
    }

    fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        match value {
            [who] => Ok(Self(*who)),
            _ => Err(DecodeError::new("not an event of a door")),
        }
    }
}

#[derive(Clone, Debug, Events)]
enum HomeEvent {
    Light(LightEvent),
    Door(Passed),
}

/// What happened in a room, in the order of each of its two aggregates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row)]
#[row(table = "rooms")]
struct Room {
    #[row(key)]
    room: String,
    light: String,
    door: String,
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS rooms (room text PRIMARY KEY, light text NOT NULL, door text NOT NULL)";

impl Room {
    fn see(&mut self, event: &HomeEvent) {
        match event {
            HomeEvent::Light(event) => self.light += &format!("{event:?} "),
            HomeEvent::Door(Passed(who)) => self.door += &format!("{who} "),
        }
    }
}

struct Rooms;

impl Fold for Rooms {
    type Event = HomeEvent;
    type Row = Room;
    const NAME: &'static str = "rooms";

    fn key(&self, event: &Recorded<HomeEvent>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<Room>, event: &Recorded<HomeEvent>) -> Option<Room> {
        let mut row = row.unwrap_or_else(|| Room {
            room: event.id.clone(),
            ..Room::default()
        });
        row.see(&event.event);
        Some(row)
    }
}

/// A log whose topics are this test's alone.
struct Own(KafkaLog, Uuid);

impl Own {
    /// The name of a topic there; positions have it whole.
    fn named(&self, topic: &str) -> String {
        let own = format!("{}.", self.1);
        own.clone() + topic.strip_prefix(&own).unwrap_or(topic)
    }
}

#[async_trait::async_trait]
impl EventLog for Own {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.0.open(&self.named(topic), create).await
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        let topic = self.named(topic);
        self.0.open_fleeting(&topic, create, keep).await
    }
}

/// A home with a log and a schema of its own, and what has happened there.
struct Home {
    log: Arc<dyn EventLog>,
    lights: Engine<Light>,
    doors: Engine<Door>,
    schema: String,
    client: Client,
    happened: Vec<(&'static str, HomeEvent)>,
}

impl Home {
    async fn new() -> Self {
        let id = Uuid::new_v4();
        let settings = KafkaSettings::new(servers::kafka());
        let log: Arc<dyn EventLog> = Arc::new(Own(KafkaLog::connect(&settings).await.unwrap(), id));
        let schema = format!("rooms_{}", id.simple());
        let (client, connection) = tokio_postgres::connect(&servers::postgres(), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let create = format!("CREATE SCHEMA {schema}; SET search_path = {schema}");
        client.batch_execute(&create).await.unwrap();
        Self {
            lights: engine(&log, 3, &format!("{schema}.lights")).await,
            doors: engine(&log, 2, &format!("{schema}.doors")).await,
            log,
            schema,
            client,
            happened: Vec::new(),
        }
    }

    /// Switches all lights, and lets somebody through all doors.
    async fn happen(&mut self, round: u8) {
        let (switch, switched) = match round % 2 {
            0 => (Switch::On, LightEvent::TurnedOn),
            _ => (Switch::Off, LightEvent::TurnedOff),
        };
        for room in ROOMS {
            self.lights.execute(room, switch).await.unwrap();
            self.happened.push((room, HomeEvent::Light(switched)));
            self.doors.execute(room, round).await.unwrap();
            self.happened.push((room, HomeEvent::Door(Passed(round))));
        }
    }

    fn url(&self) -> String {
        let schema = &self.schema;
        format!("{}?options=-csearch_path%3D{schema}", servers::postgres())
    }

    fn work(&self) -> Worker {
        let (log, url) = (self.log.clone(), self.url());
        let options = ProjectorOptions {
            schema: self.schema.clone(),
            ..ProjectorOptions::default()
        };
        let projector = factum::projector(Rooms).table(TABLE).options(options);
        let (stop, stopped) = oneshot::channel::<()>();
        let run = async move {
            let stopped = async { drop(stopped.await) };
            projector.run(log, &url, stopped).await.unwrap()
        };
        Worker(tokio::spawn(run), stop)
    }

    /// Waits until a first event is applied.
    async fn has_begun(&self) {
        let deadline = tokio::time::Instant::now() + MINUTE;
        let query = "SELECT FROM rooms";
        let rows = async || self.client.query(query, &[]).await.map_or(0, |it| it.len());
        while rows().await == 0 {
            assert!(tokio::time::Instant::now() < deadline, "nothing is applied");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn wait_for_end(&self) {
        let operations = Operations::connect(&self.url(), &self.schema).await;
        let operations = operations.unwrap();
        let waited = operations.wait_for_end(&*self.log, "rooms", None, MINUTE);
        assert_eq!(waited.await.unwrap().partitions, 5);
    }

    async fn rows(&self) -> Vec<Room> {
        let query = "SELECT room, light, door FROM rooms ORDER BY room";
        let rows = self.client.query(query, &[]).await.unwrap();
        rows.iter().map(|row| Room::read(row).unwrap()).collect()
    }

    /// All that happened, one by one.
    fn expected(&self) -> Vec<Room> {
        let mut rooms = BTreeMap::new();
        for (room, event) in &self.happened {
            let row = rooms.entry(*room).or_insert_with(|| Room {
                room: (*room).to_owned(),
                ..Room::default()
            });
            row.see(event);
        }
        rooms.into_values().collect()
    }
}

async fn engine<A: Aggregate>(log: &Arc<dyn EventLog>, partitions: u32, group: &str) -> Engine<A> {
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions,
            ..NewTopic::default()
        }),
        group: Some(group.to_owned()),
        ..EngineOptions::default()
    };
    let engine = Engine::start(log.clone(), options).await.unwrap();
    engine.ready().await.unwrap();
    engine
}

struct Worker(JoinHandle<Summary>, oneshot::Sender<()>);

impl Worker {
    async fn stop(self) -> Summary {
        drop(self.1);
        tokio::time::timeout(MINUTE, self.0).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_worker_of_two_topics_goes_on_where_it_stopped() {
    let mut home = Home::new().await;
    let worker = home.work();
    for round in 0..8 {
        home.happen(round).await;
    }
    home.has_begun().await;
    let first = worker.stop().await;
    for round in 8..16 {
        home.happen(round).await;
    }
    let worker = home.work();
    home.happen(16).await;
    home.wait_for_end().await;
    assert_eq!(home.rows().await, home.expected());
    let second = worker.stop().await;
    assert!(first.events > 0 && second.events > 0);
    let all = home.happened.len() as u64;
    assert_eq!(first.events + second.events, all, "each once");
}

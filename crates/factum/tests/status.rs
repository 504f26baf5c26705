//! The status of a program over HTTP, from before its engine serves until after it failed.
#![cfg(feature = "http")]

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use factum::{
    Components, Engine, EngineOptions, EventLog, LogError, LogErrorKind, NewTopic, StatusServer,
    Topic,
};
use factum_core::{Append, LogReader, Membership, Offset, Records};
use factum_testkit::doctest::{Light, Switch};
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use serde_json::Value;
use tokio::sync::watch;

/// How much of a log can be reached.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
enum Reach {
    Nothing,
    /// All but where the partitions end: no replay gets to its end.
    NoEnd,
    All,
}

/// A log that is out of reach at first.
#[derive(Clone)]
struct Late<T>(T, watch::Receiver<Reach>);

impl<T> Late<T> {
    async fn reached(&self, wanted: Reach) {
        let mut reach = self.1.clone();
        reach.wait_for(|reach| *reach >= wanted).await.unwrap();
    }
}

#[async_trait::async_trait]
impl EventLog for Late<FaultyLog> {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.reached(Reach::NoEnd).await;
        let topic = self.0.open(topic, create).await?;
        Ok(Arc::new(Late(topic, self.1.clone())))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.reached(Reach::NoEnd).await;
        self.0.open_fleeting(topic, create, keep).await
    }
}

#[async_trait::async_trait]
impl Topic for Late<Arc<dyn Topic>> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn partitions(&self) -> u32 {
        self.0.partitions()
    }

    fn max_record_bytes(&self) -> usize {
        self.0.max_record_bytes()
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        self.0.append(partition, records)
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        self.0.start(partition).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        self.reached(Reach::All).await;
        self.0.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        self.0.read(from).await
    }

    async fn join(&self, group: &str) -> Result<Box<dyn Membership>, LogError> {
        self.0.join(group).await
    }
}

async fn get(server: &StatusServer, path: &str) -> (u16, String) {
    let url = format!("http://{}{path}", server.address());
    let asked = tokio::task::spawn_blocking(move || {
        let get = ureq::get(url).config().http_status_as_error(false).build();
        let mut answer = get.call().unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), text)
    });
    asked.await.unwrap()
}

/// The value of a sample, by its name and labels as they are written.
async fn sample(server: &StatusServer, name: &str) -> Option<f64> {
    let (code, text) = get(server, "/metrics").await;
    assert_eq!(code, 200, "{text}");
    let sound = |line: &str| {
        line.starts_with("# ")
            || line
                .rsplit_once(' ')
                .is_some_and(|it| it.1.parse::<f64>().is_ok())
    };
    assert!(text.lines().all(sound), "{text}");
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name));
    values.next().map(|value| value.trim().parse().unwrap())
}

/// Asks until the answer is as wanted.
async fn until(server: &StatusServer, path: &str, wanted: impl Fn(u16, &str) -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let (code, text) = get(server, path).await;
        if wanted(code, &text) {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{path}: {code} {text}"
        );
    }
}

#[tokio::test]
async fn a_program_is_watched_from_its_start_to_its_failure() {
    let components = Components::new();
    let server = StatusServer::start("127.0.0.1:0", components.clone(), pending());
    let server = server.await.unwrap();
    assert_eq!(get(&server, "/healthz").await, (200, "ok\n".into()));
    assert_eq!(get(&server, "/readyz").await.0, 503);

    let log = FaultyLog::new(Arc::new(MemoryLog::new()), Faults::default());
    let (reach, reached) = watch::channel(Reach::Nothing);
    let late = Arc::new(Late(log.clone(), reached));
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions: 4,
            ..NewTopic::default()
        }),
        components: components.clone(),
        ..EngineOptions::default()
    };
    let starting = tokio::spawn(Engine::<Light>::start(late, options));
    while components.all().is_empty() {
        tokio::task::yield_now().await;
    }
    let opening = "engine home.light: waiting: the log is being opened\n";
    assert_eq!(get(&server, "/readyz").await, (503, opening.into()));
    assert_eq!(get(&server, "/healthz").await.0, 200);
    reach.send_replace(Reach::NoEnd);
    let taking_over = "engine home.light: waiting: partitions are being taken over\n";
    let is_taking_over = |code, text: &str| code == 503 && text == taking_over;
    until(&server, "/readyz", is_taking_over).await;
    reach.send_replace(Reach::All);
    until(&server, "/readyz", |code, _| code == 200).await;
    let engine = starting.await.unwrap().unwrap();

    let accepted = r#"factum_engine_commands_total{aggregate="home.light",outcome="accepted"}"#;
    let appends = r#"factum_engine_append_seconds_count{aggregate="home.light"}"#;
    assert_eq!(sample(&server, accepted).await, Some(0.0));
    assert_eq!(sample(&server, appends).await, Some(0.0));
    for (count, switch) in (1..).zip([Switch::On, Switch::Off, Switch::On]) {
        engine.execute("hall", switch).await.unwrap();
        assert_eq!(sample(&server, accepted).await, Some(f64::from(count)));
        assert_eq!(sample(&server, appends).await, Some(f64::from(count)));
    }
    let (code, text) = get(&server, "/status").await;
    let status: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &status["ready"]), (200, &true.into()));
    let shown = &status["components"][0];
    assert_eq!(
        (&shown["kind"], &shown["name"]),
        (&"engine".into(), &"home.light".into())
    );
    assert_eq!(shown["status"]["owned"].as_array().unwrap().len(), 4);
    assert_eq!(
        shown["status"],
        serde_json::to_value(engine.status()).unwrap()
    );

    log.end_memberships(LogErrorKind::Unsuitable);
    until(&server, "/healthz", |code, _| code == 503).await;
    let (code, text) = get(&server, "/readyz").await;
    let failed =
        "engine home.light: failed: the log failed: the injected fault ended the membership\n";
    assert_eq!((code, text.as_str()), (503, failed));
    assert_eq!(sample(&server, accepted).await, Some(3.0));
    drop(engine);
}

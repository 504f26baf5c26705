//! What the server answers, to real requests.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use factum_status::prometheus::core::Collector;
use factum_status::prometheus::proto::MetricFamily;
use factum_status::prometheus::{IntCounter, Opts};
use factum_status::{Archive, Component, Components, Health, PastPage, StatusServer, Told, Untold};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// A component whose health is set by the test, and that counts how often it is asked for metrics.
struct Pump {
    name: &'static str,
    health: Mutex<Health>,
    asked: IntCounter,
}

impl Pump {
    fn new(name: &'static str, health: Health) -> Arc<Self> {
        let asked =
            Opts::new("pump_asked_total", "How often it was asked").const_label("pump", name);
        Arc::new(Self {
            name,
            health: Mutex::new(health),
            asked: IntCounter::with_opts(asked).unwrap(),
        })
    }

    fn is(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }
}

impl Component for Pump {
    fn kind(&self) -> &'static str {
        "pump"
    }

    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn health(&self) -> Health {
        self.health.lock().unwrap().clone()
    }

    fn status(&self) -> Value {
        json!({ "litres": 7 })
    }

    fn metrics(&self) -> Vec<MetricFamily> {
        self.asked.inc();
        self.asked.collect()
    }
}

async fn serve(components: &Components) -> StatusServer {
    StatusServer::start("127.0.0.1:0", components.clone(), pending())
        .await
        .unwrap()
}

/// The answer's code, content type and text.
async fn get(server: &StatusServer, path: &str) -> (u16, String, String) {
    let url = format!("http://{}{path}", server.address());
    let asked = tokio::task::spawn_blocking(move || {
        let get = ureq::get(url).config().http_status_as_error(false).build();
        let mut answer = get.call().unwrap();
        let kind = answer.headers().get("content-type").cloned();
        let kind = kind.map_or(String::new(), |kind| kind.to_str().unwrap().to_owned());
        let text = answer.body_mut().read_to_string().unwrap();
        (answer.status().as_u16(), kind, text)
    });
    asked.await.unwrap()
}

async fn code_and_text(server: &StatusServer, path: &str) -> (u16, String) {
    let (code, _, text) = get(server, path).await;
    (code, text)
}

#[tokio::test]
async fn a_program_is_ready_when_all_components_are_and_healthy_until_one_failed() {
    let components = Components::new();
    let server = serve(&components).await;
    let answers = async || {
        let healthy = code_and_text(&server, "/healthz").await;
        (healthy, code_and_text(&server, "/readyz").await)
    };
    let of = |code: u16, text: &str| (code, text.to_owned());
    let ok = || of(200, "ok\n");

    let nothing = of(503, "nothing was started yet\n");
    assert_eq!(answers().await, (ok(), nothing.clone()));
    let first = Pump::new("first", Health::Ready);
    components.add(&first);
    assert_eq!(answers().await, (ok(), of(200, "ready\n")));
    let second = Pump::new("second", Health::Waiting("no water".into()));
    components.add(&second);
    let waiting = of(503, "pump second: waiting: no water\n");
    assert_eq!(answers().await, (ok(), waiting));
    second.is(Health::Stopping);
    assert_eq!(answers().await, (ok(), of(503, "pump second: stopping\n")));
    first.is(Health::Failed("burst".into()));
    second.is(Health::Ready);
    let burst = of(503, "pump first: failed: burst\n");
    assert_eq!(answers().await, (burst.clone(), burst));

    components.add(&Pump::new("first", Health::Ready)); // and is dropped at once
    assert_eq!(answers().await, (ok(), of(200, "ready\n")));
    drop(second);
    assert_eq!(answers().await, (ok(), nothing));
}

#[tokio::test]
async fn a_program_that_was_told_to_stop_is_not_ready_and_still_answers() {
    let components = Components::new();
    let pump = Pump::new("only", Health::Ready);
    components.add(&pump);
    let (tell, told) = oneshot::channel();
    let stop = async { told.await.unwrap() };
    let server = StatusServer::start("127.0.0.1:0", components.clone(), stop)
        .await
        .unwrap();
    assert_eq!(code_and_text(&server, "/readyz").await.0, 200);
    tell.send(()).unwrap();
    while !components.is_stopping() {
        tokio::task::yield_now().await;
    }
    let (code, text) = code_and_text(&server, "/readyz").await;
    assert_eq!(
        (code, text.as_str()),
        (503, "the program was told to stop\n")
    );
    assert_eq!(code_and_text(&server, "/healthz").await.0, 200);
}

#[tokio::test]
async fn the_status_has_every_component_with_its_own() {
    let components = Components::new();
    let pumps = [
        Pump::new("a", Health::Ready),
        Pump::new("b", Health::Failed("burst".into())),
    ];
    pumps.iter().for_each(|pump| components.add(pump));
    let server = serve(&components).await;
    let (code, kind, text) = get(&server, "/status").await;
    assert_eq!((code, kind.as_str()), (200, "application/json"));
    let mut status: Value = serde_json::from_str(&text).unwrap();
    assert!(status["uptime_seconds"].take().as_f64().unwrap() > 0.0);
    assert!(
        status["program"]
            .take()
            .as_str()
            .unwrap()
            .starts_with("http")
    );
    let component = |name: &str, health: &str, reason: Value| json!({ "kind": "pump", "name": name, "health": health, "reason": reason, "status": { "litres": 7 } });
    let expected = json!({
        "program": null, "uptime_seconds": null, "healthy": false, "ready": false, "stopping": false,
        "components": [component("a", "ready", Value::Null), component("b", "failed", "burst".into())],
    });
    assert_eq!(status, expected);
}

#[tokio::test]
async fn metrics_of_one_name_are_one_family() {
    let components = Components::new();
    let pumps = [Pump::new("a", Health::Ready), Pump::new("b", Health::Ready)];
    pumps.iter().for_each(|pump| components.add(pump));
    let server = serve(&components).await;
    get(&server, "/metrics").await;
    let (code, kind, text) = get(&server, "/metrics").await;
    assert_eq!((code, kind.as_str()), (200, "text/plain; version=0.0.4"));
    let of_pumps: Vec<&str> = text.lines().filter(|line| line.contains("pump")).collect();
    let expected = [
        "# HELP pump_asked_total How often it was asked",
        "# TYPE pump_asked_total counter",
        r#"pump_asked_total{pump="a"} 2"#,
        r#"pump_asked_total{pump="b"} 2"#,
    ];
    assert_eq!(of_pumps, expected);
    if cfg!(target_os = "linux") {
        assert!(text.contains("\nprocess_open_fds "), "{text}");
    }
}

#[tokio::test]
async fn other_addresses_are_not_found_and_a_taken_one_is_refused_by_name() {
    let components = Components::new();
    let server = serve(&components).await;
    assert_eq!(code_and_text(&server, "/").await.0, 404);
    let address = server.address().to_string();
    let taken = StatusServer::start(&address, components.clone(), pending()).await;
    let error = taken.unwrap_err().to_string();
    assert!(error.contains(&address), "{error}");
    drop(server);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    while let Err(error) = StatusServer::start(&address, components.clone(), pending()).await {
        assert!(tokio::time::Instant::now() < deadline, "{error}");
        tokio::task::yield_now().await;
    }
}

/// An engine that keeps what its test tells.
struct Keeper;

impl Component for Keeper {
    fn kind(&self) -> &'static str {
        "engine"
    }

    fn name(&self) -> String {
        "bank.loan".into()
    }

    fn health(&self) -> Health {
        Health::Ready
    }

    fn status(&self) -> Value {
        json!({})
    }

    fn metrics(&self) -> Vec<MetricFamily> {
        Vec::new()
    }

    fn archive(&self) -> Option<Arc<dyn Archive>> {
        Some(Arc::new(Self))
    }
}

impl Archive for Keeper {
    fn page(&self, asked: PastPage) -> Told {
        Box::pin(async move {
            match &*asked.id {
                "away" => Err(Untold::Elsewhere("ask another".into())),
                "large" => Ok(json!({ "id": "x".repeat(LARGE) })),
                "odd" => Err(Untold::Failed("torn".into())),
                id => Ok(json!({ "id": id, "from": asked.from, "many": asked.limit > 5 })),
            }
        })
    }
}

#[tokio::test]
async fn a_history_is_told_where_it_is_kept() {
    let components = Components::new();
    let server = serve(&components).await;
    let (pump, keeper) = (Pump::new("bank.loan", Health::Ready), Arc::new(Keeper));
    components.add(&pump);
    let asked = async |question: &str| {
        let (code, kind, text) = get(&server, &format!("/history?{question}")).await;
        (code, kind == "application/json", text)
    };
    let (code, ..) = asked("aggregate=bank.loan&id=a").await;
    assert_eq!(code, 404, "a pump keeps none");
    components.add(&keeper);
    let told = |code, text: &str| (code, true, text.to_owned());
    let loan = "aggregate=bank.loan&id=";
    assert_eq!(
        asked(&format!("{loan}a%26b%2F")).await,
        told(200, r#"{"from":1,"id":"a&b/","many":true}"#)
    );
    assert_eq!(
        asked(&format!("{loan}a&from=7&limit=5")).await,
        told(200, r#"{"from":7,"id":"a","many":false}"#)
    );
    assert_eq!(
        asked(&format!("{loan}away")).await,
        told(421, r#"{"error":"ask another"}"#)
    );
    assert_eq!(
        asked(&format!("{loan}odd")).await,
        told(500, r#"{"error":"torn"}"#)
    );
    let (code, _, text) = asked("aggregate=bank.card&id=a").await;
    assert_eq!((code, text.contains("no engine of bank.card")), (404, true));
    assert_eq!(asked("aggregate=bank.loan").await.0, 400);
    assert_eq!(asked(&format!("{loan}a&from=x")).await.0, 400);
}

/// More than sockets keep.
const LARGE: usize = 32 << 20;

/// Asks for a large page, and reads no more of the answer than its code.
async fn ask(server: &StatusServer) -> (TcpStream, String) {
    let mut asks = TcpStream::connect(server.address()).await.unwrap();
    let question = b"GET /history?aggregate=bank.loan&id=large HTTP/1.1\r\nhost: x\r\n\r\n";
    asks.write_all(question).await.unwrap();
    let mut code = [0; 12];
    asks.read_exact(&mut code).await.unwrap();
    (asks, String::from_utf8_lossy(&code[9..]).into_owned())
}

/// Asks until there is an answer. It takes a moment to be seen that a page was read.
async fn told(server: &StatusServer) -> TcpStream {
    let began = Instant::now();
    loop {
        let (asks, code) = ask(server).await;
        if code == "200" {
            return asks;
        }
        assert_eq!(code, "503");
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}

#[tokio::test]
async fn pages_that_nobody_reads_are_few() {
    let components = Components::new();
    let server = serve(&components).await;
    let keeper = Arc::new(Keeper);
    components.add(&keeper);
    let mut slow = Vec::new();
    for _ in 0..16 {
        slow.push(told(&server).await);
    }
    assert_eq!(ask(&server).await.1, "503");
    slow[0].read_exact(&mut vec![0; LARGE]).await.unwrap();
    slow.push(told(&server).await);
    assert_eq!(ask(&server).await.1, "503");
    slow.clear();
    for _ in 0..16 {
        slow.push(told(&server).await);
    }
}

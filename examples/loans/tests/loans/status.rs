//! What the service tells over HTTP, while it imports.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A service that imports much into a log of its own, until it is told to stop.
struct Service {
    process: Child,
    url: String,
    _folder: tempfile::TempDir,
}

impl Service {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = format!("local:{}", folder.path().join("log").display());
        let mut process = Command::new(env!("CARGO_BIN_EXE_loans-service"))
            .args(["import", "--generate", "1000000", "--log", &log])
            .args(["--http", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = said.find_map(|line| {
            let line = line.unwrap();
            let url = line.strip_prefix("status at ")?.strip_suffix("/status")?;
            Some(url.to_owned())
        });
        // It goes on to say things, and would wait for a reader who does not come.
        std::thread::spawn(move || said.for_each(drop));
        Self {
            process,
            url: url.expect("it says where"),
            _folder: folder,
        }
    }

    fn get(&self, path: &str) -> Result<(u16, String), ureq::Error> {
        let get = ureq::get(format!("{}{path}", self.url));
        let get = get.config().http_status_as_error(false).build();
        let mut answer = get.call()?;
        let text = answer.body_mut().read_to_string()?;
        Ok((answer.status().as_u16(), text))
    }

    fn until(&self, path: &str, right: impl Fn(u16, &str) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let (code, text) = self.get(path).unwrap();
            if right(code, &text) {
                return;
            }
            assert!(Instant::now() < deadline, "{path}: {code} {text}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn accepted(metrics: &str) -> u64 {
    let name = r#"factum_engine_commands_total{aggregate="bank.loan",outcome="accepted"} "#;
    let value = metrics.lines().find_map(|line| line.strip_prefix(name));
    value.map_or(0, |value| value.parse().unwrap())
}

#[test]
fn the_service_shows_both_its_engines_while_it_imports() {
    let mut service = Service::start();
    assert_eq!(service.get("/healthz").unwrap(), (200, "ok\n".into()));
    service.until("/readyz", |code, _| code == 200);

    let (_, status) = service.get("/status").unwrap();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["program"], "loans-service");
    for (component, aggregate) in [(0, "bank.loan"), (1, "bank.work")] {
        let component = &status["components"][component];
        assert_eq!(component["name"], aggregate);
        assert_eq!(component["status"]["phase"], "serving");
        assert_eq!(component["status"]["owned"].as_array().unwrap().len(), 8);
    }

    service.until("/metrics", |_, metrics| accepted(metrics) > 0);
    let (_, before) = service.get("/metrics").unwrap();
    let before = accepted(&before);
    service.until("/metrics", |_, metrics| accepted(metrics) > before);

    kill_process(Pid::from_child(&service.process), Signal::TERM).unwrap();
    // It may end before it is asked again.
    let deadline = Instant::now() + Duration::from_secs(60);
    while let Ok((code, text)) = service.get("/readyz") {
        assert!(Instant::now() < deadline, "it does not end: {code} {text}");
        if code == 503 {
            assert!(text.starts_with("the program was told to stop\n"), "{text}");
        }
    }
    assert_eq!(service.process.wait().unwrap().code(), Some(130));
}

#[test]
fn an_address_that_cannot_be_served_ends_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let log = format!("local:{}", folder.path().join("log").display());
    let done = Command::new(env!("CARGO_BIN_EXE_loans-service"))
        .args(["import", "--generate", "1", "--log", &log])
        .args(["--http", "192.0.2.1:1"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(
        told.contains("cannot serve the status: 192.0.2.1:1: "),
        "{told}"
    );
}

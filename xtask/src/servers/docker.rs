//! Servers through Docker Compose: one project with one service for each instance.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::Server;
use super::place::short_hash;
use super::way::output_of;

/// An engine that is there answers in milliseconds; a broken socket may never.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether an engine and Compose answer; if not, what is missing.
pub(crate) fn available() -> Result<(), String> {
    if !succeeds_soon(Command::new("docker").arg("info")) {
        return Err("no Docker engine answers (`docker info` fails)".into());
    }
    match output_of(Command::new("docker").args(["compose", "version"])) {
        Some(_) => Ok(()),
        None => Err("the Docker engine answers, but `docker compose` is not installed".into()),
    }
}

fn succeeds_soon(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = quiet.spawn() else {
        return false;
    };
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(_) => break,
        }
    }
    let _ = child.kill().and_then(|()| child.wait());
    false
}

/// One server in a Compose project of its own.
pub(crate) struct Service {
    pub server: Server,
    pub port: u16,
    project: String,
}

impl Service {
    /// The service whose instance keeps its files in `dir`.
    pub(crate) fn of(server: Server, dir: &Path, port: u16) -> Service {
        let project = format!("factum-{}-{}", server.name(), short_hash(dir));
        Service {
            server,
            port,
            project,
        }
    }

    /// Starts the container, or starts it again on the same data.
    pub(crate) fn start(&self) -> Result<()> {
        self.compose(&["up", "--detach", self.server.name()])
    }

    /// Ends the server at once, as a power failure would.
    pub(crate) fn kill(&self) -> Result<()> {
        self.compose(&["kill", self.server.name()])
    }

    /// Stops and removes the container; its volume too when `wipe` is set.
    pub(crate) fn stop(&self, wipe: bool) -> Result<()> {
        self.compose(if wipe {
            &["down", "--volumes"]
        } else {
            &["down"]
        })
    }

    fn compose(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new("docker")
            .args(["compose", "--project-name", &self.project, "--file"])
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../docker-compose.yml"
            ))
            .args(arguments)
            .env(
                format!("{}_PORT", self.server.variable()),
                self.port.to_string(),
            )
            .stdin(Stdio::null())
            .output()
            .context("cannot run docker compose")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "docker compose {} failed:\n{said}",
            arguments.join(" ")
        );
        Ok(())
    }
}

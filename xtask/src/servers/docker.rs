//! Servers through Docker Compose: one project with one service for each instance.

#[cfg(target_os = "linux")]
use std::os::unix::process::CommandExt;
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
    if output_soon(Command::new("docker").arg("info")).is_none() {
        return Err("no Docker engine answers (`docker info` fails)".into());
    }
    match output_of(Command::new("docker").args(["compose", "version"])) {
        Some(_) => Ok(()),
        None => Err("the Docker engine answers, but `docker compose` is not installed".into()),
    }
}

/// What a command writes to its output, if it ends well and soon: less than a pipe holds.
fn output_soon(command: &mut Command) -> Option<String> {
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => {
                let text = std::io::read_to_string(child.stdout.take()?).ok()?;
                return status.success().then_some(text);
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(_) => break,
        }
    }
    let _ = child.kill().and_then(|()| child.wait());
    None
}

/// Lets a command end when this process is killed: a Compose that lived on would make a container
/// after `down` looked for it. Linux only.
#[cfg(target_os = "linux")]
fn end_with_parent(command: &mut Command) {
    let ask =
        || rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM));
    // SAFETY: prctl is async-signal-safe and touches no memory of this process.
    unsafe {
        command.pre_exec(move || ask().map_err(Into::into));
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent(_: &mut Command) {}

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
            .map(drop)
    }

    /// Ends the server at once, as a power failure would.
    pub(crate) fn kill(&self) -> Result<()> {
        self.compose(&["kill", self.server.name()]).map(drop)
    }

    /// Stops the server where it stands, or lets it go on.
    pub(crate) fn pause(&self, paused: bool) -> Result<()> {
        let command = if paused { "pause" } else { "unpause" };
        self.compose(&[command, self.server.name()]).map(drop)
    }

    /// Stops and removes the container; its volume too when `wipe` is set.
    pub(crate) fn stop(&self, wipe: bool) -> Result<()> {
        let volumes: &[&str] = if wipe { &["--volumes"] } else { &[] };
        self.compose(&[&["down"], volumes].concat()).map(drop)
    }

    /// Whether Docker says that the container runs; also false when Docker says nothing.
    pub(crate) fn is_running(&self) -> bool {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let mut list = Command::new("docker");
        let ids = output_soon(list.args(["ps", "--quiet", "--filter", &label]));
        ids.is_some_and(|ids| !ids.trim().is_empty())
    }

    /// The last lines that the server wrote, or why there are none.
    pub(crate) fn log_tail(&self) -> String {
        self.compose(&["logs", "--no-color", "--tail", "15"])
            .unwrap_or_else(|error| format!("{error:#}"))
    }

    /// Runs Compose and returns what it writes to its output.
    fn compose(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new("docker");
        end_with_parent(&mut command);
        let output = command
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
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_fails_or_is_not_there_says_nothing() {
        assert_eq!(output_soon(&mut shell("echo id")).as_deref(), Some("id\n"));
        assert_eq!(output_soon(&mut shell("echo id; exit 1")), None);
        assert_eq!(output_soon(&mut Command::new("no-such-program")), None);
    }
}

//! A program under test: started, struck, and started again when it ends by itself.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::lock;

/// A program and its process.
pub struct Program {
    name: String,
    binary: PathBuf,
    flags: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
    output: PathBuf,
    process: Mutex<Process>,
}

#[derive(Default)]
struct Process {
    child: Option<Child>,
    /// Endings that nobody asked for.
    ended: Vec<ExitStatus>,
}

impl Program {
    /// A program that does not run yet; its output goes to a file in `dir`.
    pub fn new(binary: &Path, name: &str, flags: &[&str], dir: &Path) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.to_owned(),
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            environment: Vec::new(),
            output: dir.join(format!("{name}.log")),
            process: Mutex::default(),
        }
    }

    /// Sets an environment variable for it.
    pub fn with(mut self, variable: &'static str, value: &'static str) -> Self {
        self.environment.push((variable, value));
        self
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it ended, each time that nobody had asked it to.
    pub fn ended(&self) -> Vec<ExitStatus> {
        lock(&self.process).ended.clone()
    }

    /// The id of its process, where it runs.
    pub fn pid(&self) -> Option<u32> {
        lock(&self.process).child.as_ref().map(Child::id)
    }

    /// Starts it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self) -> Result<()> {
        lock(&self.process).child = Some(self.spawn()?);
        Ok(())
    }

    fn spawn(&self) -> Result<Child> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(&self.output)?;
        let spawned = Command::new(&self.binary)
            .args(&self.flags)
            .envs(self.environment.iter().copied())
            .stdin(Stdio::piped()) // it ends when this closes
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn();
        spawned.with_context(|| format!("cannot start {}", self.name))
    }

    /// Starts it again if it ended by itself.
    pub fn tend(&self) {
        let mut process = lock(&self.process);
        let status = process
            .child
            .as_mut()
            .and_then(|child| child.try_wait().ok().flatten());
        if let Some(status) = status {
            process.ended.push(status);
            process.child = self.spawn().ok();
        }
    }

    /// SIGKILL.
    pub fn kill(&self) {
        if let Some(mut child) = lock(&self.process).child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP, or SIGCONT.
    pub fn freeze(&self, frozen: bool) {
        self.send(if frozen { Signal::STOP } else { Signal::CONT });
    }

    fn send(&self, signal: Signal) {
        if let Some(child) = &lock(&self.process).child {
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }

    /// SIGTERM; waits for the end.
    ///
    /// # Errors
    /// It failed, or took longer than `patience`, and was killed.
    pub async fn stop(&self, patience: Duration) -> Result<()> {
        self.send(Signal::TERM);
        let Some(mut child) = lock(&self.process).child.take() else {
            return Ok(());
        };
        let begin = Instant::now();
        while begin.elapsed() < patience {
            if let Some(status) = child.try_wait()? {
                anyhow::ensure!(
                    status.success(),
                    "{}, told to stop, ended with {status}",
                    self.name
                );
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        child.kill()?;
        child.wait()?;
        anyhow::bail!(
            "{} did not stop within {} s, and was killed",
            self.name,
            patience.as_secs()
        )
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

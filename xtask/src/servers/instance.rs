//! One server, from its launch to its end, whichever way it runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::detached::{Process, spawn, sweep};
use super::docker::Service;
use super::{Say, Server, Way, kafka, port, postgres};

/// A loaded machine may take its time; a server that dies is noticed at once.
const READY_WITHIN: Duration = Duration::from_secs(120);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);
const KILLED_WITHIN: Duration = Duration::from_secs(5);

/// A server that was launched, as it is recorded for later.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub server: Server,
    pub way: Way,
    pub port: u16,
    pub state: State,
    /// Its log and, if the server's user can reach it, its data.
    pub dir: PathBuf,
    /// Its data: `dir`, or a stand-in for it.
    pub home: PathBuf,
    /// The process that will stop it; a shared instance has none.
    pub owner: Option<Process>,
}

/// What is known of the running server.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Process(Process),
    Container,
    Stopped,
}

impl Instance {
    /// An instance that keeps its files in `dir` and has not run yet.
    ///
    /// # Errors
    /// When no directory can be made or no port is free.
    pub(crate) fn new(server: Server, way: Way, dir: &Path, port: Option<u16>) -> Result<Instance> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let home = match (way, server) {
            (Way::Local | Way::Maven, Server::Postgres) => postgres::home_in(&dir.join("files"))?,
            _ => dir.clone(),
        };
        let port = port::free(port)?;
        Ok(Instance {
            server,
            way,
            port,
            state: State::Stopped,
            dir,
            home,
            owner: None,
        })
    }

    /// Launches the server; it is not ready yet.
    pub(crate) fn launch(&mut self, say: Say<'_>) -> Result<()> {
        if self.way == Way::Docker {
            self.state = State::Container;
            return self.service().start();
        }
        sweep(&self.home, self.programs());
        let command = match self.server {
            Server::Kafka => kafka::prepare(self.way, &self.home, self.port, say)?,
            Server::Postgres => postgres::prepare(self.way, &self.home, self.port, say)?,
        };
        self.state = State::Process(spawn(command, &self.log())?);
        Ok(())
    }

    /// Waits until the server answers.
    ///
    /// # Errors
    /// When it dies first or takes too long, with the end of its log.
    pub(crate) fn wait_ready(&self) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        while let Err(cause) = self.server.ask(&self.address()) {
            let name = self.server.name();
            if self.is_dead() {
                bail!("{name} ended while it started; {}", self.log_tail());
            }
            if Instant::now() > deadline {
                return Err(cause.context(format!(
                    "{name} is not ready after {} s; {}",
                    READY_WITHIN.as_secs(),
                    self.log_tail()
                )));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub(crate) fn address(&self) -> String {
        self.server.address(self.port)
    }

    /// Whether it runs and answers.
    pub(crate) fn serves(&self) -> bool {
        self.state != State::Stopped && !self.is_dead() && self.server.ask(&self.address()).is_ok()
    }

    /// Ends the server: gently, and by force when it does not go. Nothing of it is left running.
    ///
    /// # Errors
    /// When the container cannot be stopped.
    pub(crate) fn stop(&mut self, wipe: bool) -> Result<()> {
        match &self.state {
            State::Container => self.service().stop(wipe)?,
            State::Process(process) => {
                let _ = process.end(self.gentle_signal(), STOPPED_WITHIN)
                    || process.end(Signal::KILL, KILLED_WITHIN);
            }
            State::Stopped => {}
        }
        if self.way != Way::Docker {
            sweep(&self.home, self.programs());
        }
        self.state = State::Stopped;
        Ok(())
    }

    /// Ends the server at once with all its processes, in the middle of whatever it does.
    ///
    /// # Errors
    /// When the container cannot be killed.
    pub(crate) fn kill9(&mut self) -> Result<()> {
        if let State::Process(process) = &self.state {
            process.end(Signal::KILL, KILLED_WITHIN);
            sweep(&self.home, self.programs());
            self.state = State::Stopped;
        }
        if self.state == State::Container {
            self.service().kill()?;
        }
        Ok(())
    }

    /// Removes the data and the log of a server that does not run.
    pub(crate) fn wipe(&self) {
        let _ = fs::remove_dir_all(&self.dir);
        self.wipe_stand_in();
    }

    /// Removes data that could not be kept in the instance's own directory.
    pub(crate) fn wipe_stand_in(&self) {
        if !self.home.starts_with(&self.dir) {
            let _ = fs::remove_dir_all(&self.home);
        }
    }

    /// Whether it was launched and its process is gone.
    pub(crate) fn is_dead(&self) -> bool {
        matches!(&self.state, State::Process(process) if !process.is_alive())
    }

    fn service(&self) -> Service {
        Service::of(self.server, &self.dir, self.port)
    }

    /// What may work in `home`, whoever is to be stopped first coming first.
    fn programs(&self) -> &'static [&'static str] {
        match self.server {
            Server::Kafka => &["java"],
            Server::Postgres => &["initdb", "postgres"],
        }
    }

    /// For Postgres SIGINT is the fast shutdown; SIGTERM would wait for every client to leave.
    fn gentle_signal(&self) -> Signal {
        match self.server {
            Server::Kafka => Signal::TERM,
            Server::Postgres => Signal::INT,
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.server.name()))
    }

    /// What became of a dead one.
    pub(crate) fn obituary(&self) -> String {
        format!("{} has died; {}", self.server.name(), self.log_tail())
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let text = fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n");
        format!("the end of {}:\n{tail}", log.display())
    }
}

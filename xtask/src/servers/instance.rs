//! One server, from its launch to its end, whichever way it runs.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use super::cluster::Node;
use super::detached::{Process, signal_all, spawn, sweep};
use super::docker::Service;
use super::{Say, Server, Way, kafka, port, postgres, registry};

const STOPPED_WITHIN: Duration = Duration::from_secs(20);
const KILLED_WITHIN: Duration = Duration::from_secs(30);

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
    /// Its place in a cluster, where it is a node of one.
    #[serde(default)]
    pub node: Option<Node>,
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
            node: None,
        })
    }

    /// Notes what a launch will make, as far as that is known in advance: a container by its name.
    pub(crate) fn expect_launch(&mut self) {
        if self.way == Way::Docker {
            self.state = State::Container;
        }
    }

    /// Launches the server; it is not ready yet.
    pub(crate) fn launch(&mut self, say: Say<'_>) -> Result<()> {
        if self.way == Way::Docker {
            return self.service().start();
        }
        sweep(&self.home, self.programs());
        let command = match self.server {
            Server::Kafka => {
                kafka::prepare(self.way, &self.home, self.port, self.node.as_ref(), say)?
            }
            Server::Postgres => postgres::prepare(self.way, &self.home, self.port, say)?,
            Server::Registry => registry::prepare(self.way, &self.home, self.port, say)?,
        };
        self.state = State::Process(spawn(command, &self.log())?);
        Ok(())
    }

    pub(crate) fn address(&self) -> String {
        self.server.address(self.port)
    }

    /// Ends the server: gently, and by force when it does not go. Nothing of it is left running.
    /// `wipe` removes the data that Docker keeps; for other data see [`wipe`](Self::wipe).
    ///
    /// # Errors
    /// When the container cannot be stopped, or Docker does not remove the data.
    pub(crate) fn stop(&mut self, wipe: bool) -> Result<()> {
        self.send(Signal::CONT); // one that is frozen would not hear
        if let State::Process(process) = &self.state {
            let _ = process.end(self.gentle_signal(), STOPPED_WITHIN)
                || process.end(Signal::KILL, KILLED_WITHIN);
        }
        if self.way != Way::Docker {
            sweep(&self.home, self.programs());
        } else if wipe || self.state == State::Container {
            self.service().stop(wipe)?;
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

    /// Stops all its processes where they stand, or lets them go on. In Docker it pauses.
    ///
    /// # Errors
    /// When Docker does not obey.
    pub(crate) fn freeze(&self, frozen: bool) -> Result<()> {
        if self.state == State::Container {
            return self.service().pause(frozen);
        }
        self.send(if frozen { Signal::STOP } else { Signal::CONT });
        Ok(())
    }

    fn send(&self, signal: Signal) {
        if let State::Process(process) = &self.state {
            process.send(signal);
            signal_all(&self.home, self.programs(), signal);
        }
    }

    /// Removes the data and the log of a server that does not run.
    ///
    /// # Errors
    /// When something of them stays.
    pub(crate) fn wipe(&self) -> Result<()> {
        remove(&self.dir)?;
        self.wipe_stand_in()
    }

    /// Removes data that could not be kept in the instance's own directory.
    ///
    /// # Errors
    /// When something of it stays.
    pub(crate) fn wipe_stand_in(&self) -> Result<()> {
        if self.home.starts_with(&self.dir) {
            return Ok(());
        }
        remove(&self.home)
    }

    pub(super) fn service(&self) -> Service {
        Service::of(self.server, &self.dir, self.port)
    }

    /// What may work in `home`, whoever is to be stopped first coming first.
    fn programs(&self) -> &'static [&'static str] {
        match self.server {
            Server::Kafka | Server::Registry => &["java"],
            Server::Postgres => &["initdb", "postgres"],
        }
    }

    /// For Postgres SIGINT is the fast shutdown; SIGTERM would wait for every client to leave.
    fn gentle_signal(&self) -> Signal {
        match self.server {
            Server::Kafka | Server::Registry => Signal::TERM,
            Server::Postgres => Signal::INT,
        }
    }

    pub(super) fn log(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.server.name()))
    }
}

fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", dir.display())),
    }
}

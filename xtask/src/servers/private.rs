//! A server that belongs to one test, which may kill it whenever it likes.

use std::path::Path;

use anyhow::{Result, ensure};

use super::choice::choose;
use super::cluster::Node;
use super::detached::Process;
use super::instance::Instance;
use super::record::Record;
use super::way::{forced_by_environment, probe};
use super::{Server, Way, factum_dir, postgres};

/// A Kafka broker of one's own; stopped and forgotten when dropped.
#[derive(Debug)]
pub struct Kafka(pub(super) Private);

/// A Postgres server of one's own; stopped and forgotten when dropped.
#[derive(Debug)]
pub struct Postgres(Private);

macro_rules! server {
    ($name:ident, $address:literal) => {
        impl $name {
            /// Starts one with its data and log in `dir`, on a free port, and waits until it
            /// answers. Blocks for seconds.
            ///
            /// # Errors
            /// When this machine has no way to run it, or it does not start.
            pub fn start(dir: &Path) -> Result<Self> {
                Private::start(Server::$name, dir).map(Self)
            }

            #[doc = concat!("What clients connect to: ", $address, "; the same after a restart.")]
            pub fn address(&self) -> &str {
                &self.0.address
            }

            /// Ends it at once, in the middle of whatever it does (SIGKILL to all its processes).
            /// What it had acknowledged is still there after [`restart`](Self::restart).
            ///
            /// # Errors
            /// When it runs in Docker and the engine does not obey.
            pub fn kill9(&mut self) -> Result<()> {
                self.0.instance.kill9()
            }

            /// Stops it gently if it runs, and starts it again on the same port and data.
            ///
            /// # Errors
            /// When it does not stop or does not start.
            pub fn restart(&mut self) -> Result<()> {
                self.0.restart()
            }

            /// Stops all its processes where they stand (SIGSTOP), until [`resume`](Self::resume):
            /// connections stay open, and nothing is answered.
            ///
            /// # Errors
            /// When it runs in Docker and the engine does not obey.
            pub fn pause(&mut self) -> Result<()> {
                self.0.instance.freeze(true)
            }

            /// Lets it go on after [`pause`](Self::pause).
            ///
            /// # Errors
            /// When it runs in Docker and the engine does not obey.
            pub fn resume(&mut self) -> Result<()> {
                self.0.instance.freeze(false)
            }

            /// Leaves the data where it is when this is dropped, and says where that is.
            pub fn keep(&mut self) -> &Path {
                self.0.keep = true;
                &self.0.instance.home
            }

            /// Stops it gently, as an operator would; dropping it does the same.
            ///
            /// # Errors
            /// When it runs in Docker and the engine does not obey.
            pub fn stop(&mut self) -> Result<()> {
                self.0.instance.stop(false)
            }
        }
    };
}

server!(Kafka, "`host:port`");
server!(Postgres, "a `postgres://` URL");

impl Postgres {
    /// Whether it can have [standbys](Postgres::standby): not in Docker, where its data is out of reach.
    pub fn can_have_standbys(&self) -> bool {
        self.0.instance.way != Way::Docker
    }

    /// Starts another one in `dir` that follows this one, a hot standby, and becomes a primary by
    /// `SELECT pg_promote()`. This one restarts meanwhile: the standby begins with a copy of its data.
    ///
    /// # Errors
    /// When they run in Docker, where the data is out of reach, or one does not start.
    pub fn standby(&mut self, dir: &Path) -> Result<Self> {
        let Instance { server, way, .. } = self.0.instance;
        ensure!(
            self.can_have_standbys(),
            "a standby needs the programs of Postgres, not Docker"
        );
        let mut standby = Private::new(server, way, dir, None)?;
        self.0.instance.stop(false)?;
        let (from, to) = (&self.0.instance.home, &standby.instance.home);
        let copied = postgres::copy_as_standby(from, to, self.0.instance.port);
        self.0.restart()?;
        copied?;
        standby.launch()?;
        standby.wait_ready()?;
        Ok(Self(standby))
    }
}

#[derive(Debug)]
pub(super) struct Private {
    instance: Instance,
    address: String,
    record: Record,
    keep: bool,
}

impl Private {
    fn start(server: Server, dir: &Path) -> Result<Private> {
        let way = choose(server, forced_by_environment()?, None, |way| {
            probe(server, way)
        })?;
        let mut private = Private::new(server, way, dir, None)?;
        // From here on a failure drops it, and with it whatever was started.
        private.launch()?;
        private.wait_ready()?;
        Ok(private)
    }

    /// One that has not run yet.
    pub(super) fn new(server: Server, way: Way, dir: &Path, node: Option<Node>) -> Result<Private> {
        let mut instance = Instance::new(server, way, dir, None)?;
        instance.owner = Process::this();
        instance.node = node;
        let name = format!("private-{}", uuid::Uuid::new_v4().simple());
        let record = Record::named(&factum_dir(), &name);
        Ok(Private {
            address: instance.address(),
            instance,
            record,
            keep: false,
        })
    }

    pub(super) fn node(&self) -> Option<&Node> {
        self.instance.node.as_ref()
    }

    fn restart(&mut self) -> Result<()> {
        self.instance.stop(false)?;
        self.launch()?;
        self.wait_ready()
    }

    pub(super) fn wait_ready(&self) -> Result<()> {
        self.instance.wait_ready()
    }

    /// Launches it; it is not ready yet.
    pub(super) fn launch(&mut self) -> Result<()> {
        let launch = |it: &mut Instance| it.launch(&|line| eprintln!("{line}"));
        self.record.around(&mut self.instance, launch)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let stopped = self.instance.stop(!self.keep);
        let wiped = stopped.and_then(|()| match self.keep {
            true => Ok(()),
            false => self.instance.wipe_stand_in(),
        });
        match wiped {
            Ok(()) => self.record.remove(),
            // The record stays: `cargo xtask down` will try again.
            Err(error) => eprintln!("cannot stop {}: {error:#}", self.address),
        }
    }
}

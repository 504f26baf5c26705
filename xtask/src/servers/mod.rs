//! Kafka, Postgres and a schema registry for tests and demos: found, started, reused, stopped.
//!
//! A server is used at an address from the environment, or started by the first [`Way`] that this
//! machine offers. Each listens on a free port of 127.0.0.1, keeps its data below `target/factum/`
//! (or a test's own directory), and outlives the process that started it until it is stopped.

mod broker;
mod choice;
mod cluster;
mod detached;
mod docker;
mod down;
mod health;
mod instance;
mod kafka;
mod maven;
mod place;
mod port;
mod postgres;
mod private;
mod programs;
mod record;
mod registry;
mod shared;
mod up;
mod way;
mod wire;

pub use broker::{delete_topics, has_topic};
pub use down::down;
pub use port::free as free_port;
pub use private::{Kafka, Postgres};
pub use shared::{Addresses, Wanted, factum_dir, failed, is_kafka_given};
pub use up::up;
pub use way::Way;

/// Takes one line of progress, meant for a person who waits.
pub type Say<'a> = &'a (dyn Fn(&str) + Sync);

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Server {
    Kafka,
    Postgres,
    Registry,
}

impl Server {
    /// The name in files, directories and the compose file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Server::Kafka => "kafka",
            Server::Postgres => "postgres",
            Server::Registry => "registry",
        }
    }

    /// The environment variable that names a server for tests and demos, to use instead of starting one. Tests look
    /// for servers in the same one.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Server::Kafka => "FACTUM_TEST_KAFKA",
            Server::Postgres => "FACTUM_TEST_POSTGRES",
            Server::Registry => "FACTUM_TEST_REGISTRY",
        }
    }

    /// The environment variable that looks as if it did. Of Postgres and the registry it names what programs work on,
    /// which no test may touch; that of Kafka nothing reads.
    pub(crate) fn lookalike(self) -> &'static str {
        match self {
            Server::Kafka => "FACTUM_KAFKA",
            Server::Postgres => "FACTUM_POSTGRES",
            Server::Registry => "FACTUM_REGISTRY",
        }
    }

    /// What a client connects to when the server listens on `port` of this machine.
    pub(crate) fn address(self, port: u16) -> String {
        match self {
            Server::Kafka => kafka::address(port),
            Server::Postgres => postgres::address(port),
            Server::Registry => registry::address(port),
        }
    }

    /// Asks the server a real question.
    ///
    /// # Errors
    /// When it does not answer within a few seconds, with the cause.
    pub(crate) fn ask(self, address: &str) -> anyhow::Result<()> {
        match self {
            Server::Kafka => broker::ask(address),
            Server::Postgres => postgres::ask(address),
            Server::Registry => registry::ask(address),
        }
    }
}

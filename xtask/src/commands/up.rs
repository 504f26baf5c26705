//! `cargo xtask up`.

use anyhow::Result;
use xtask::servers::{self, Wanted, Way};

use super::say;

/// Starts Kafka and Postgres for tests and demos, or a schema registry, and waits until they answer.
///
/// For each server the first of these that applies: the address in FACTUM_TEST_KAFKA (host:port),
/// FACTUM_TEST_POSTGRES (postgres://user@host/database) or FACTUM_TEST_REGISTRY (http://host:port/path), never what
/// programs take, as FACTUM_POSTGRES; a Docker engine that answers; server binaries on
/// this machine (Postgres 14 or newer, Kafka through KAFKA_HOME or PATH, Apicurio Registry through APICURIO_HOME); Maven with Java 17 or
/// newer, which fetches them once. Later runs keep to the way that made the data.
///
/// The servers listen on free ports of 127.0.0.1, keep data and logs below target/factum (with
/// Docker: in volumes), and run until `cargo xtask down`. What runs already is reused. Prints the
/// addresses, which are also in target/factum/env, where the tests look.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask up                        both servers
  cargo xtask up --postgres             only Postgres
  cargo xtask up --registry             only a schema registry (142 MB to fetch once; it keeps all in memory)
  FACTUM_TEST_KAFKA=localhost:9092 cargo xtask up
                                        your own Kafka, and a Postgres
  cargo xtask up --via maven            no Docker, no local binaries")]
pub(crate) struct Arguments {
    /// Only Kafka, and what else is named
    #[arg(long)]
    kafka: bool,
    /// Only Postgres, and what else is named
    #[arg(long)]
    postgres: bool,
    /// Only a schema registry, and what else is named
    #[arg(long)]
    registry: bool,
    /// Use this way and no other; FACTUM_SERVERS=<WAY> does the same for all commands
    #[arg(long, value_enum, value_name = "WAY")]
    via: Option<Way>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let none = !arguments.kafka && !arguments.postgres && !arguments.registry;
    let wanted = Wanted {
        kafka: arguments.kafka || none,
        postgres: arguments.postgres || none,
        registry: arguments.registry,
    };
    let addresses = servers::up(wanted, arguments.via, &say)?;
    print!("{}", addresses.lines());
    Ok(())
}

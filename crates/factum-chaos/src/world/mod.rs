//! What the faults strike: servers, programs, and the ways between them.

mod program;
mod proxy;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use xtask::servers::{Kafka, Postgres, free_port};

pub use program::Program;
pub use proxy::{Proxy, State};

/// Service nodes that run all the time; one more joins and leaves.
pub const NODES: usize = 3;
/// Projection workers that run all the time; one more joins and leaves.
pub const WORKERS: usize = 2;
/// The workers' way to Kafka, behind those of the nodes and the spare one.
pub const WORKERS_WAY: usize = NODES + 1;
/// The way to Kafka of the clients that send commands through the topic.
pub const CLIENTS_WAY: usize = NODES + 2;
/// Partitions of the topic.
pub const PARTITIONS: u32 = 6;
/// The topic.
pub const TOPIC: &str = "chaos.account.events";
/// The topic of commands.
pub const COMMANDS: &str = "chaos.account.commands";
/// The topic of commands that nobody understood: none are to be there.
pub const DEAD_LETTERS: &str = "chaos.account.dead-letters";

/// A server that a blocking task may strike.
pub type Shared<T> = Arc<Mutex<T>>;

/// Commands of each partition that nodes remember in a soak: so few that they fill the window while they
/// get warm, and still more than come while a client asks again for one.
const SOAK_WINDOW: usize = 8192;

/// How the programs run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As they do by themselves.
    Usual,
    /// So that what they hold can be told from what their allocator keeps.
    Measured,
}

impl Manner {
    fn window(self) -> Option<usize> {
        (self == Self::Measured).then_some(SOAK_WINDOW)
    }

    /// glibc gives a thread one of many arenas, and gives little of them back: each connection and each
    /// reader has its own threads, and what a burst of fetches took stays in its arena. With one arena,
    /// and thresholds that do not grow by themselves, what was freed goes back to the system.
    fn dress(self, program: Program) -> Program {
        match self {
            Self::Usual => program,
            Self::Measured => program
                .with("MALLOC_ARENA_MAX", "1")
                .with("MALLOC_MMAP_THRESHOLD_", "65536")
                .with("MALLOC_TRIM_THRESHOLD_", "131072"),
        }
    }
}

/// Everything that runs, and the ways between.
pub struct World {
    /// The brokers.
    pub brokers: Vec<Shared<Kafka>>,
    /// The database.
    pub postgres: Shared<Postgres>,
    /// The brokers' own addresses, past all proxies.
    pub kafka_direct: String,
    /// Postgres' own address, past all proxies.
    pub postgres_direct: String,
    /// Service nodes; the last one is spare.
    pub nodes: Vec<Program>,
    /// Projection workers; the last one is spare.
    pub workers: Vec<Program>,
    /// Where the nodes listen.
    pub node_addresses: Vec<String>,
    /// The ways to Kafka: one for each node, one for the spare node, one for all workers, one for the
    /// clients of the topic of commands. Each leads to every broker.
    pub kafka_ways: Vec<Vec<Proxy>>,
    /// The ways to Postgres: one for each worker.
    pub postgres_ways: Vec<Proxy>,
}

impl World {
    /// Starts the servers, with everything they and the programs keep below `dir`.
    ///
    /// # Errors
    /// A server does not start.
    pub async fn start(dir: &Path, brokers: usize, manner: Manner) -> Result<Self> {
        let mut kafka_ways = Vec::new();
        for _ in 0..=CLIENTS_WAY {
            kafka_ways.push(proxies(brokers).await?);
        }
        let told = |broker: usize| kafka_ways.iter().map(|way| way[broker].port()).collect();
        let told: Vec<Vec<u16>> = (0..brokers).map(told).collect();
        let (kafka_dir, postgres_dir) = (dir.to_owned(), dir.join("postgres"));
        let kafka = tokio::task::spawn_blocking(move || Kafka::cluster(&kafka_dir, &told));
        let postgres = tokio::task::spawn_blocking(move || Postgres::start(&postgres_dir));
        let (kafka, postgres) = (kafka.await??, postgres.await??);

        for (broker, node) in kafka.iter().enumerate() {
            for (way, port) in kafka_ways.iter().zip(node.ways()) {
                way[broker].lead_to(format!("127.0.0.1:{port}"));
            }
        }
        let postgres_ways = proxies(WORKERS + 1).await?;
        let authority = authority(postgres.address())?.to_owned();
        postgres_ways
            .iter()
            .for_each(|way| way.lead_to(authority.clone()));

        let mut world = Self {
            kafka_direct: kafka
                .iter()
                .map(Kafka::address)
                .collect::<Vec<_>>()
                .join(","),
            postgres_direct: postgres.address().to_owned(),
            brokers: kafka
                .into_iter()
                .map(|it| Arc::new(Mutex::new(it)))
                .collect(),
            postgres: Arc::new(Mutex::new(postgres)),
            nodes: Vec::new(),
            workers: Vec::new(),
            node_addresses: Vec::new(),
            kafka_ways,
            postgres_ways,
        };
        world.add_programs(dir, manner)?;
        Ok(world)
    }

    fn add_programs(&mut self, dir: &Path, manner: Manner) -> Result<()> {
        let partitions = PARTITIONS.to_string();
        let window = manner.window().map(|it| it.to_string());
        for node in 0..=NODES {
            let address = format!("127.0.0.1:{}", free_port(None)?);
            let kafka = self.kafka_through(node);
            let mut flags = vec![
                "--kafka",
                &kafka,
                "--listen",
                &address,
                "--partitions",
                &partitions,
            ];
            flags.extend(window.iter().flat_map(|it| ["--command-window", it]));
            let state = dir.join(format!("state-{node}")).display().to_string();
            match node {
                0 => flags.extend(["--checkpoints", &state, "--memory", "200"]), // evicts nearly all
                1 => flags.extend(["--checkpoints", &state]),
                _ => {} // replays from the first event
            }
            let name = format!("node-{node}");
            let program = Program::new(&beside("chaos-node")?, &name, &flags, dir);
            self.nodes.push(manner.dress(program));
            self.node_addresses.push(address);
        }
        let kafka = self.kafka_through(WORKERS_WAY);
        for worker in 0..=WORKERS {
            let way = format!("127.0.0.1:{}", self.postgres_ways[worker].port());
            let postgres = self
                .postgres_direct
                .replace(authority(&self.postgres_direct)?, &way);
            let flags = ["--log", &kafka, "--postgres", &postgres];
            let name = format!("worker-{worker}");
            let program = Program::new(&beside("chaos-worker")?, &name, &flags, dir);
            self.workers.push(manner.dress(program));
        }
        Ok(())
    }

    /// The brokers' addresses, `host:port,…`, by a way of [`kafka_ways`](Self::kafka_ways).
    pub fn kafka_through(&self, way: usize) -> String {
        let brokers = self.kafka_ways[way].iter();
        let addresses: Vec<_> = brokers
            .map(|it| format!("127.0.0.1:{}", it.port()))
            .collect();
        addresses.join(",")
    }

    /// The programs that run all the time.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.nodes[..NODES].iter().chain(&self.workers[..WORKERS])
    }

    /// Starts every program that ended by itself, for ever.
    pub async fn tend(&self) {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.nodes
                .iter()
                .chain(&self.workers)
                .for_each(Program::tend);
        }
    }

    /// Ends the servers at once: nobody needs them to part gently any more, which takes a cluster's
    /// last nodes long.
    pub fn kill(&self) {
        for broker in &self.brokers {
            let _ = lock(broker).kill9();
        }
        let _ = lock(&self.postgres).kill9();
    }

    /// Lets the servers' data stay where it is, and says where that is.
    pub fn keep(&self) -> Vec<PathBuf> {
        let kafka = self.brokers.iter().map(|it| lock(it).keep().to_owned());
        kafka
            .chain([lock(&self.postgres).keep().to_owned()])
            .collect()
    }
}

/// Locks a server; one that a panic left is used all the same.
pub fn lock<T>(server: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    server
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn proxies(count: usize) -> Result<Vec<Proxy>> {
    let mut proxies = Vec::new();
    for _ in 0..count {
        proxies.push(Proxy::listen(free_port(None)?).await?);
    }
    Ok(proxies)
}

/// The `host:port` of a Postgres address.
fn authority(url: &str) -> Result<&str> {
    let (_, rest) = url.split_once('@').context("an address with a user")?;
    Ok(rest.split('/').next().unwrap_or(rest))
}

/// A program of this package: built beside this one.
fn beside(program: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name(program);
    anyhow::ensure!(
        path.is_file(),
        "{} is not there: build all programs with `cargo build --package factum-chaos`",
        path.display()
    );
    Ok(path)
}

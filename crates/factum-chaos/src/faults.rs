//! Striking, and mending.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::net::TcpStream;

use crate::checker::wait_in_sync;
use crate::plan::{Blow, Break, End, Fault, Kind, Part};
use crate::world::{CLIENTS_WAY, NODES, Program, Proxy, Shared, State, WORKERS, World, lock};

/// How long a program may take to start, or to stop when it is told.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long each message takes on a way that is slow.
const SLOW: Duration = Duration::from_millis(60);

/// Strikes, holds, and mends. Returns what went otherwise than it should, though it is no violation.
///
/// # Errors
/// A server does not come back.
pub async fn suffer(world: &World, fault: &Fault) -> Result<Vec<String>> {
    match fault.kind {
        Kind::Program(Part::Node, blow) => {
            Ok(program(&world.nodes[fault.target % NODES], blow, fault.hold).await)
        }
        Kind::Program(Part::Worker, blow) => {
            Ok(program(&world.workers[fault.target % WORKERS], blow, fault.hold).await)
        }
        Kind::Program(Part::Broker, Blow::Restart) => roll(world).await,
        Kind::Program(Part::Broker, blow) => {
            let broker = &world.brokers[fault.target % world.brokers.len()];
            server(broker, blow, fault.hold, |it, act| match act {
                Act::Kill => it.kill9(),
                Act::Freeze => it.pause(),
                Act::Thaw => it.resume(),
                Act::Restart => it.restart(),
            })
            .await
        }
        Kind::Program(Part::Postgres, blow) => {
            server(&world.postgres, blow, fault.hold, |it, act| match act {
                Act::Kill => it.kill9(),
                Act::Freeze => it.pause(),
                Act::Thaw => it.resume(),
                Act::Restart => it.restart(),
            })
            .await
        }
        Kind::Joins(part) => Ok(join(world, part, fault.hold).await),
        Kind::Link(end, how) => {
            let ways = ways(world, end, fault.target);
            ways.iter().for_each(|way| way.set(broken(how)));
            tokio::time::sleep(fault.hold).await;
            ways.iter().for_each(|way| way.set(State::Whole));
            Ok(Vec::new())
        }
    }
}

async fn program(program: &Program, blow: Blow, hold: Duration) -> Vec<String> {
    let mut notes = Vec::new();
    match blow {
        Blow::Pause | Blow::Zombie => {
            program.freeze(true);
            tokio::time::sleep(hold).await;
            program.freeze(false);
            return notes;
        }
        Blow::Kill => program.kill(),
        Blow::Restart => note(&mut notes, program.stop(PATIENCE).await),
    }
    tokio::time::sleep(hold).await;
    note(&mut notes, program.start());
    notes
}

fn note(notes: &mut Vec<String>, result: Result<()>) {
    notes.extend(result.err().map(|error| format!("{error:#}")));
}

/// What can be done to a server.
#[derive(Clone, Copy)]
enum Act {
    Kill,
    Freeze,
    Thaw,
    Restart,
}

async fn server<T: Send + 'static>(
    server: &Shared<T>,
    blow: Blow,
    hold: Duration,
    act: fn(&mut T, Act) -> Result<()>,
) -> Result<Vec<String>> {
    let (strike, mend) = match blow {
        Blow::Kill => (Some(Act::Kill), Act::Restart),
        Blow::Pause | Blow::Zombie => (Some(Act::Freeze), Act::Thaw),
        Blow::Restart => (None, Act::Restart),
    };
    let run = |what: Act| {
        let server = server.clone();
        async move { tokio::task::spawn_blocking(move || act(&mut lock(&server), what)).await? }
    };
    if let Some(strike) = strike {
        run(strike).await?;
        tokio::time::sleep(hold).await;
    }
    run(mend).await?;
    Ok(Vec::new())
}

/// Stops and starts every broker, one after the other.
async fn roll(world: &World) -> Result<Vec<String>> {
    for broker in &world.brokers {
        let broker = broker.clone();
        tokio::task::spawn_blocking(move || lock(&broker).restart()).await??;
        settle(world).await?;
    }
    Ok(Vec::new())
}

/// Waits until all copies of all partitions are in step: the next fault finds the cluster whole.
///
/// # Errors
/// That takes too long.
pub async fn settle(world: &World) -> Result<()> {
    let (servers, copies) = (world.kafka_direct.clone(), world.brokers.len());
    tokio::task::spawn_blocking(move || wait_in_sync(&servers, copies, 4 * PATIENCE)).await?
}

/// Lets one more program join its group, and leave it.
async fn join(world: &World, part: Part, hold: Duration) -> Vec<String> {
    let mut notes = Vec::new();
    let (spare, address) = match part {
        Part::Node => (&world.nodes[NODES], Some(&world.node_addresses[NODES])),
        _ => (&world.workers[WORKERS], None),
    };
    note(&mut notes, spare.start());
    if let Some(address) = address
        && !listens(address, Duration::from_secs(10)).await
    {
        notes.push(format!("{} was not ready within 10 s", spare.name()));
    }
    tokio::time::sleep(Duration::from_secs(1) + hold).await;
    note(&mut notes, spare.stop(PATIENCE).await);
    notes
}

/// Whether someone listens there, soon.
pub async fn listens(address: &str, patience: Duration) -> bool {
    let begin = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        if begin.elapsed() > patience {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// The ways that break together.
fn ways(world: &World, end: End, target: usize) -> Vec<&Proxy> {
    match end {
        End::Postgres => vec![&world.postgres_ways[target % WORKERS]],
        // One of the nodes, the workers, the clients, or everybody.
        End::Kafka => match target % (CLIENTS_WAY + 1) {
            // The spare node, which does not run by itself, stands for everybody.
            NODES => world.kafka_ways.iter().flatten().collect(),
            way => world.kafka_ways[way].iter().collect(),
        },
    }
}

fn broken(how: Break) -> State {
    match how {
        Break::Cut => State::Cut,
        Break::Freeze => State::Frozen,
        Break::Mute => State::Mute,
        Break::Slow => State::Slow(SLOW),
    }
}

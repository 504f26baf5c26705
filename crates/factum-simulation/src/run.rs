//! One run: a world, nodes, clients and faults, all from a seed; and the judgement in the end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use factum_engine::{EngineOptions, HistoryError, RoutingOptions};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::chance::Chance;
use crate::client::Clients;
use crate::faults::{Programs, draw_weather, mend, operate, strike};
use crate::flaw::{Flaw, Without};
use crate::group::coordinate;
use crate::handled;
use crate::history::Answer;
use crate::judge::Setup;
use crate::kind::Kind;
use crate::node::Node;
use crate::sender::Sender;
use crate::store::Store;
use crate::worker::Worker;
use crate::world::World;
use crate::{facts, judge};

/// How long clients may go on.
const LOAD: Duration = Duration::from_secs(600);
/// How long it may take until everything is served again, once nothing goes wrong any more.
pub const RECOVERY: Duration = Duration::from_secs(60);

/// How a run went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// Stands for everything that happened, in order and with its times.
    pub hash: u64,
    /// Everything that breaks a promise.
    pub violations: Vec<String>,
    /// What there was.
    pub figures: Figures,
}

/// What there was in a run, or in several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Simulated milliseconds.
    pub millis: u64,
    /// What was noted.
    pub moments: u64,
    /// Commands.
    pub commands: u64,
    /// Commands that were acknowledged with events.
    pub acknowledged: u64,
    /// Attempts whose fate clients were not told.
    pub unknown: u64,
    /// Valid events.
    pub events: u64,
    /// Records without effect.
    pub void: u64,
    /// Processes.
    pub processes: u64,
    /// Commands in their topic, copies included.
    pub routed: u64,
    /// Copies among them that only ask for an answer.
    pub copies: u64,
    /// Those of the copies whose answer was forgotten.
    pub forgotten: u64,
    /// Events that were parked.
    pub parked: u64,
    /// Rows in the end of projections that append.
    pub appended: u64,
}

impl Figures {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.millis += other.millis;
        self.moments += other.moments;
        self.commands += other.commands;
        self.acknowledged += other.acknowledged;
        self.unknown += other.unknown;
        self.events += other.events;
        self.void += other.void;
        self.processes += other.processes;
        self.routed += other.routed;
        self.copies += other.copies;
        self.forgotten += other.forgotten;
        self.parked += other.parked;
        self.appended += other.appended;
    }
}

/// What the programs of a run are.
pub(crate) struct Kinds {
    /// How nodes and senders route commands, where they do.
    pub routing: Option<RoutingOptions>,
    /// How many programs send commands through the log.
    pub senders: usize,
    /// Whether nodes are warm standbys.
    pub standby: bool,
    /// How many commands a partition's owner remembers.
    pub window: usize,
}

impl Kinds {
    fn draw(chance: &mut Chance) -> Self {
        let options = RoutingOptions {
            send_again_after: chance.millis(50, 5000),
            queue: chance.one_of(&[1, 16, 4096]),
            ..RoutingOptions::default()
        };
        let routing = chance.strikes(350).then_some(options);
        Self {
            routing,
            senders: chance.between(1, 2) as usize,
            standby: chance.strikes(300),
            window: match routing.is_some() && chance.strikes(250) {
                true => chance.between(1, 4) as usize,
                false => EngineOptions::default().command_window,
            },
        }
    }

    /// Whether ids are forgotten while they may still come again.
    fn is_forgetful(&self) -> bool {
        self.window < EngineOptions::default().command_window
    }

    fn senders(&self, world: &World) -> Vec<Sender> {
        let sender = |options| (0..self.senders).map(move |name| Sender::new(world, name, options));
        self.routing.into_iter().flat_map(sender).collect()
    }
}

/// Which projection a seed has: it is not drawn, so that all else of a seed is as it was.
pub fn kind_of(seed: u64) -> Kind {
    match seed % 5 {
        3 => Kind::Append,
        4 => Kind::Parking,
        _ => Kind::Fold,
    }
}

/// Runs a seed. `printed` prints everything that happens.
///
/// # Panics
/// The runtime cannot be made.
pub fn run(seed: u64, printed: bool) -> Report {
    run_without(None, seed, printed)
}

/// Runs a seed without a part of the code.
///
/// # Panics
/// The runtime cannot be made.
pub fn run_without(flaw: Option<Flaw>, seed: u64, printed: bool) -> Report {
    let _without = Without::new(flaw);
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime needs nothing but memory");
    runtime.block_on(simulate(flaw, seed, printed))
}

async fn simulate(flaw: Option<Flaw>, seed: u64, printed: bool) -> Report {
    let (partitions, nodes, workers, accounts, clients, count, kinds) = {
        let mut chance = Chance::of(!seed);
        (
            chance.between(1, 3) as u32,
            chance.between(2, 3) as usize,
            chance.one_of(&[1, 1, 2, 3]),
            chance.one_of(&[1, 3, 8, 12, 20]),
            chance.between(2, 6),
            chance.between(4, 30),
            Kinds::draw(&mut chance),
        )
    };
    let kind = kind_of(seed);
    let world = World::new(seed, partitions, flaw, printed);
    let weather = world.draw(draw_weather);
    world.state().weather = weather;
    world.note(format_args!("{weather:?}"));
    tokio::spawn(coordinate(world.clone()));
    let nodes: Vec<_> = (0..nodes)
        .map(|name| Node::new(&world, name, &kinds))
        .collect();
    let store = Store::new(&world, partitions, kind);
    let workers = (0..workers).map(|name| Worker::new(&world, &store, name));
    let programs = Programs {
        nodes,
        workers: workers.collect(),
        senders: kinds.senders(&world),
        store,
    };
    programs.start();
    let load = Clients::new(&world, &programs.nodes, &programs.senders, accounts);
    let mut under_way = JoinSet::new();
    for _ in 0..clients {
        under_way.spawn(load.clone().ask_for(count));
    }
    let faults = tokio::spawn(strike(world.clone(), programs.clone()));
    let operator = tokio::spawn(operate(world.clone(), programs.store.clone()));
    let done = tokio::time::timeout(LOAD, async {
        while under_way.join_next().await.is_some() {}
    });
    if done.await.is_err() {
        world.broken("clients do not come to an end".into());
    }
    faults.abort();
    operator.abort();
    settle(&world, &programs, &load).await;
    let setup = Setup {
        partitions,
        routed: kinds.routing.is_some(),
        forgetful: kinds.is_forgetful(),
    };
    let report = conclude(seed, &world, (&load, &programs.store), setup);
    world.end();
    report
}

/// Mends everything, and looks whether all is well then: every account is served, and each node that
/// starts alone shows the same.
async fn settle(world: &World, programs: &Programs, load: &Clients) {
    let nodes = &programs.nodes;
    mend(world, programs);
    look_at_all(world, nodes, load).await;
    // What struck last may still be under way: nodes that stop or start, batches that land late, commands
    // whose clients do not wait for them any more.
    tokio::time::sleep(Duration::from_secs(30)).await;
    mend(world, programs);
    look_at_all(world, nodes, load).await;
    compare(world, load);
    remember(world, nodes, load, false).await;
    handle_all(world).await;
    catch_up(world, &programs.store).await;
    replay_all(world, &programs.store).await;
    for worker in &programs.workers {
        if !worker.stop(RECOVERY).await {
            world.broken("a worker does not stop".into());
        }
    }
    stop_all(world, nodes).await;
    for node in nodes {
        node.start();
        look_at_all(world, std::slice::from_ref(node), load).await;
        compare(world, load);
        remember(world, std::slice::from_ref(node), load, true).await;
        stop_all(world, std::slice::from_ref(node)).await;
    }
}

async fn look_at_all(world: &World, nodes: &[Node], load: &Clients) {
    for id in load.accounts() {
        if !load.look(nodes, &id, RECOVERY).await {
            world.broken(format!("{id} is not served within {RECOVERY:?}"));
        }
    }
}

/// Waits until every command in the log is handled, also those that nobody waits for any more.
async fn handle_all(world: &World) {
    let deadline = world.now() + RECOVERY;
    let handled = |facts: facts::Facts| facts.covered.iter().map(Vec::len).collect::<Vec<_>>();
    loop {
        let sent = handled::sent(world);
        let handled = handled(facts::read(world, &mut Vec::new()));
        if handled == sent {
            world.note(format_args!("{sent:?} commands are handled"));
            return;
        }
        if world.now() > deadline {
            return world.broken(format!("of {sent:?} commands {handled:?} are handled"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until the read model shows everything that the log holds.
async fn catch_up(world: &World, store: &Store) {
    let deadline = world.now() + RECOVERY;
    let facts = facts::read(world, &mut Vec::new());
    let ends = |store: &Store| -> Vec<u64> {
        let positions = store.positions();
        positions.values().map(|at| at.next - 1).collect()
    };
    while ends(store) != facts.ends {
        if world.now() > deadline {
            let (at, ends) = (ends(store), facts.ends);
            return world.broken(format!("the read model is at {at:?}, the log at {ends:?}"));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.note(format_args!(
        "the read model has {} rows",
        store.rows().len()
    ));
}

/// Mends what failed, and waits until every dead letter is applied. A replay that comes upon a letter that another
/// holds back takes its mark away, so it is asked for again now and then.
async fn replay_all(world: &World, store: &Store) {
    let deadline = world.now() + RECOVERY;
    store.mended().store(true, Ordering::Relaxed);
    while store.letters().0 > 0 {
        if world.now() > deadline {
            let letters = store.letters().0;
            return world.broken(format!("{letters} letters are not replayed"));
        }
        store.replay(None);
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Compares what was seen of all accounts with the log.
fn compare(world: &World, load: &Clients) {
    let last = facts::read(world, &mut Vec::new());
    let history = load.history();
    let looks = &history[history.len() - load.accounts().count()..];
    for look in looks {
        let seen = look.attempts.last().map(|it| it.answer);
        let expected = last.last(&look.id);
        if !matches!(seen, Some(Answer::Rejected(seen)) if seen == expected) {
            world.broken(format!(
                "{} is {seen:?}, the log says {expected:?}",
                look.id
            ));
        }
    }
}

/// Compares what nodes tell of the past of all accounts with the log. One that is `alone` owns all of them.
async fn remember(world: &World, nodes: &[Node], load: &Clients, alone: bool) {
    let facts = facts::read(world, &mut Vec::new());
    for node in nodes.iter().filter(|node| node.remembers()) {
        for id in load.accounts() {
            let past = tokio::time::timeout(RECOVERY, node.past(id.clone())).await;
            let moved = match past {
                Ok(Some(Ok(moved))) => moved,
                Ok(Some(Err(HistoryError::NotOwned { .. })) | None) if !alone => continue,
                other => {
                    let name = node.name();
                    world.broken(format!("node {name} does not tell of {id}: {other:?}"));
                    continue;
                }
            };
            let (count, last) = (moved.len() as u64, moved.last().map(|moved| moved.after));
            let expected = facts.last(&id);
            if (count, last.unwrap_or_default()) != (expected.version, expected) {
                world.broken(format!("{id} was {moved:?}, the log says {expected:?}"));
            }
        }
    }
}

async fn stop_all(world: &World, nodes: &[Node]) {
    for node in nodes {
        if !node.stop(RECOVERY).await {
            world.broken(format!("node {} does not stop", node.name()));
        }
    }
}

fn conclude(seed: u64, world: &World, (load, store): (&Clients, &Store), setup: Setup) -> Report {
    let mut violations = world.state().broken.clone();
    let facts = facts::read(world, &mut violations);
    let history = load.history();
    judge::judge(&history, &facts, setup, &mut violations);
    let routed = handled::routed(world, &facts);
    let answers = history.iter().flat_map(|asked| &asked.attempts);
    let state = world.state();
    let done = |it: &Answer| matches!(it, Answer::Done(receipt) if receipt.events > 0);
    let acknowledged =
        |asked: &&crate::history::Asked| asked.attempts.iter().any(|it| done(&it.answer));
    Report {
        seed,
        hash: state.trace.hash(),
        violations,
        figures: Figures {
            millis: world.now().as_millis() as u64,
            moments: state.trace.len(),
            commands: history.len() as u64,
            acknowledged: history.iter().filter(acknowledged).count() as u64,
            unknown: answers.filter(|it| it.answer.is_open()).count() as u64,
            events: facts.commits.iter().map(|it| it.amounts.len() as u64).sum(),
            void: facts.void,
            processes: state.links.len() as u64,
            routed: routed.commands,
            copies: routed.copies,
            forgotten: routed.forgotten,
            parked: store.letters().1,
            appended: match store.kind() {
                Kind::Append => store.rows().len() as u64,
                Kind::Fold | Kind::Parking => 0,
            },
        },
    }
}

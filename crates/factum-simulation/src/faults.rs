//! What goes wrong, and when.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::chance::Chance;
use crate::kind::Kind;
use crate::node::Node;
use crate::process::Process;
use crate::sender::Sender;
use crate::store::Store;
use crate::worker::Worker;
use crate::world::{Weather, World};

/// The weather of a run.
pub fn draw_weather(chance: &mut Chance) -> Weather {
    let mut share = |most: u64| match chance.strikes(500) {
        true => 0,
        false => chance.below(most),
    };
    Weather {
        lost: share(60),
        unanswered: share(60),
        late: share(80),
        torn: share(60),
        doubled: share(60),
        scattered: share(60),
        questions: share(50),
        readers: share(30),
        foreign: share(30),
        store: share(40),
        crumbs: chance.one_of(&[0, 500, 1000]),
        delay: chance.one_of(&[2, 10, 50, 300]),
    }
}

/// No wind at all.
pub const CALM: Weather = Weather {
    lost: 0,
    unanswered: 0,
    late: 0,
    torn: 0,
    doubled: 0,
    scattered: 0,
    questions: 0,
    readers: 0,
    foreign: 0,
    store: 0,
    crumbs: 0,
    delay: 5,
};

/// All programs of a run.
#[derive(Clone)]
pub struct Programs {
    /// The service nodes.
    pub nodes: Vec<Node>,
    /// The programs that send commands through the log.
    pub senders: Vec<Sender>,
    /// The projection workers.
    pub workers: Vec<Worker>,
    /// The store.
    pub store: Store,
}

/// A node, a worker or a sender.
#[derive(Clone)]
enum Program {
    Node(Node),
    Worker(Worker),
    Sender(Sender),
}

impl Program {
    fn start(&self) {
        match self {
            Self::Node(node) => node.start(),
            Self::Worker(worker) => worker.start(),
            Self::Sender(sender) => sender.start(),
        }
    }

    fn kill(&self) {
        match self {
            Self::Node(node) => node.kill(),
            Self::Worker(worker) => worker.kill(),
            Self::Sender(sender) => sender.kill(),
        }
    }

    async fn stop(&self, patience: Duration) {
        match self {
            Self::Node(node) => node.stop(patience).await,
            Self::Worker(worker) => worker.stop(patience).await,
            // It has nothing to finish.
            Self::Sender(sender) => {
                sender.kill();
                true
            }
        };
    }

    fn process(&self, look: impl FnOnce(&Process)) {
        match self {
            Self::Node(node) => node.process(look),
            Self::Worker(worker) => worker.process(look),
            Self::Sender(sender) => sender.process(look),
        }
    }
}

impl Programs {
    fn all(&self) -> impl Iterator<Item = Program> {
        let nodes = self.nodes.iter().cloned().map(Program::Node);
        let workers = self.workers.iter().cloned().map(Program::Worker);
        let senders = self.senders.iter().cloned().map(Program::Sender);
        nodes.chain(workers).chain(senders)
    }

    /// Starts all that do not run.
    pub fn start(&self) {
        self.all().for_each(|program| program.start());
    }
}

/// Asks for replays now and then, for ever, and at some moment mends what failed.
pub async fn operate(world: World, store: Store) {
    if store.kind() != Kind::Parking {
        return;
    }
    loop {
        tokio::time::sleep(world.draw(|chance| chance.millis(100, 20_000))).await;
        let partitions = store.positions().len() as u64;
        let (mends, one, all) =
            world.draw(|it| (it.strikes(100), it.below(partitions), it.strikes(500)));
        if mends {
            store.mended().store(true, Ordering::Relaxed);
        }
        store.replay((!all).then_some(one as u32));
    }
}

/// Strikes again and again, for ever.
pub async fn strike(world: World, programs: Programs) {
    let busy = world.draw(|chance| chance.one_of(&[1000, 4000, 12_000, 60_000]));
    loop {
        tokio::time::sleep(world.draw(|chance| chance.millis(50, busy))).await;
        let count = programs.all().count() as u64;
        let struck = world.draw(|chance| chance.below(count)) as usize;
        let Some(program) = programs.all().nth(struck) else {
            continue;
        };
        strike_once(&world, &programs, program);
    }
}

fn strike_once(world: &World, programs: &Programs, program: Program) {
    match world.draw(|chance| chance.below(10)) {
        0 | 1 => {
            program.kill();
            later(world, 5000, move || program.start());
        }
        2 | 3 => {
            program.process(|it| it.freeze(true));
            later(world, 10_000, move || {
                program.process(|it| it.freeze(false))
            });
        }
        4 => {
            let (patience, rest) =
                world.draw(|chance| (chance.millis(0, 20_000), chance.delay(3000)));
            tokio::spawn(async move {
                program.stop(patience).await;
                tokio::time::sleep(rest).await;
                program.start();
            });
        }
        5 | 6 => {
            let time = world.draw(|chance| chance.millis(0, 12_000));
            program.process(|it| it.cut(time));
        }
        7 => {
            let away = world.draw(|chance| chance.delay(7000));
            world.note(format_args!("the broker is away for {away:?}"));
            let until = world.now() + away;
            world.state().away = until;
        }
        8 => programs.store.restart(),
        _ => {
            world.note(format_args!("partitions change hands"));
            let groups: Vec<_> = world.state().groups.keys().cloned().collect();
            for group in groups {
                world.regroup(&group, |group, now| group.turn(now));
            }
        }
    }
}

/// Does something after a while that is drawn.
fn later(world: &World, bound: u64, act: impl FnOnce() + Send + 'static) {
    let wait = world.draw(|chance| chance.delay(bound));
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        act();
    });
}

/// Mends everything.
pub fn mend(world: &World, programs: &Programs) {
    {
        let mut state = world.state();
        state.weather = CALM;
        state.away = Duration::ZERO;
        for link in &mut state.links {
            link.cut = Duration::ZERO;
        }
    }
    world.note(format_args!("everything is mended"));
    for program in programs.all() {
        program.process(|it| it.freeze(false));
        program.start();
    }
}

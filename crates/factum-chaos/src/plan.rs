//! Which faults strike, what they strike, and for how long: all of it drawn from the seed.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use crate::kafka::SESSION;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// SIGKILL, or SIGSTOP for less or more than a session, or SIGTERM; it is started again.
    Program(Part, Blow),
    /// One more program joins its group, and leaves it.
    Joins(Part),
    /// A network way is broken for a while.
    Link(End, Break),
}

/// What runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A service node.
    Node,
    /// A projection worker.
    Worker,
    /// A broker.
    Broker,
    /// The Postgres server.
    Postgres,
}

/// What a program suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Blow {
    /// SIGKILL.
    Kill,
    /// SIGSTOP, and SIGCONT before anyone gives it up.
    Pause,
    /// SIGSTOP for longer than a session, then SIGCONT: a zombie.
    Zombie,
    /// A graceful stop; brokers one after the other.
    Restart,
}

/// Where a way ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// From one service node, from the workers, from the clients, or from all of them, to all brokers.
    Kafka,
    /// From a worker to Postgres.
    Postgres,
}

/// What a way suffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Break {
    /// Connections break, and nobody can connect.
    Cut,
    /// Nothing passes, but connections stay.
    Freeze,
    /// What is asked passes, what is answered is lost; then connections break.
    Mute,
    /// Everything takes longer.
    Slow,
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happens.
    pub kind: Kind,
    /// To which of its kind: any number, to be taken modulo how many there are.
    pub target: usize,
    /// How long it lasts, before it is mended.
    pub hold: Duration,
}

/// Faults that strike together.
pub type Step = Vec<Fault>;

/// Every kind of fault.
pub fn kinds() -> Vec<Kind> {
    let parts = [Part::Node, Part::Worker, Part::Broker, Part::Postgres];
    let blows = [Blow::Kill, Blow::Pause, Blow::Zombie, Blow::Restart];
    let breaks = [Break::Cut, Break::Freeze, Break::Mute, Break::Slow];
    let programs = parts
        .iter()
        .flat_map(|part| blows.map(|blow| Kind::Program(*part, blow)));
    let ends = [End::Kafka, End::Postgres];
    let links = ends
        .iter()
        .flat_map(|end| breaks.map(|it| Kind::Link(*end, it)));
    let joins = [Kind::Joins(Part::Node), Kind::Joins(Part::Worker)];
    programs.chain(links).chain(joins).collect()
}

/// How often two faults strike together.
const TOGETHER: f64 = 0.3;

/// Draws a schedule: every kind once in random order, then again, and now and then two together.
/// The same seed and number draw the same.
pub fn draw(seed: u64, faults: usize) -> Vec<Step> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut bag = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    for _ in 0..faults {
        if bag.is_empty() {
            bag = kinds();
            bag.shuffle(&mut random);
        }
        let kind = bag.pop().expect("there are kinds");
        let fault = Fault {
            kind,
            target: random.random_range(0..1000),
            hold: hold(kind, &mut random),
        };
        let together = random.random_bool(TOGETHER);
        match steps.last_mut() {
            Some(step) if together && fits(step, kind) => step.push(fault),
            _ => steps.push(vec![fault]),
        }
    }
    steps
}

/// Draws faults that strike one by one. Only one node and one worker, which the seed chooses, are
/// killed or started again: the others live through all of them.
pub fn spare(seed: u64, faults: usize) -> Vec<Fault> {
    let mut faults = draw(seed, faults).concat();
    let ends = |fault: &&mut Fault| {
        matches!(
            fault.kind,
            Kind::Program(Part::Node | Part::Worker, Blow::Kill | Blow::Restart)
        )
    };
    faults
        .iter_mut()
        .filter(ends)
        .for_each(|fault| fault.target = seed as usize);
    faults
}

/// Two faults strike together where they strike different things.
fn fits(step: &Step, kind: Kind) -> bool {
    step.len() == 1 && struck(step[0].kind) != struck(kind)
}

fn struck(kind: Kind) -> Part {
    match kind {
        Kind::Program(part, _) | Kind::Joins(part) => part,
        Kind::Link(End::Kafka, _) => Part::Broker,
        Kind::Link(End::Postgres, _) => Part::Postgres,
    }
}

fn hold(kind: Kind, random: &mut StdRng) -> Duration {
    let session = SESSION.as_millis() as u64;
    let milliseconds = match kind {
        Kind::Program(_, Blow::Kill | Blow::Restart) => random.random_range(0..1000),
        Kind::Program(_, Blow::Pause) => random.random_range(100..session / 2),
        Kind::Program(_, Blow::Zombie) => session + random.random_range(1000..2500),
        Kind::Joins(_) => random.random_range(0..1500),
        Kind::Link(..) => *[500, 1500, session / 2, session + 1500]
            .choose(random)
            .expect("one"),
    };
    Duration::from_millis(milliseconds)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Program(part, blow) => format!("{part:?}-{blow:?}"),
            Self::Joins(part) => format!("{part:?}-joins"),
            Self::Link(end, it) => format!("{end:?}-{it:?}"),
        };
        f.write_str(&text.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_fixes_everything() {
        assert_eq!(draw(7, 40), draw(7, 40));
        assert_ne!(draw(7, 40), draw(8, 40));
    }

    #[test]
    fn as_many_faults_as_there_are_kinds_hold_every_kind() {
        let all = kinds();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        let drawn: BTreeSet<Kind> = draw(1, all.len())
            .concat()
            .iter()
            .map(|it| it.kind)
            .collect();
        assert_eq!(drawn.len(), all.len());
        assert!(
            all.len() <= 30,
            "a run of 30 faults is to hold every kind: {}",
            all.len()
        );
    }

    #[test]
    fn in_a_soak_one_node_and_one_worker_take_all_that_ends_a_program() {
        let faults = spare(5, 300);
        assert_eq!(faults.len(), 300);
        for part in [Part::Node, Part::Worker] {
            let struck = |blows: [Blow; 2]| {
                let by = |fault: &&Fault| {
                    blows
                        .iter()
                        .any(|it| fault.kind == Kind::Program(part, *it))
                };
                let targets = faults.iter().filter(by).map(|fault| fault.target);
                targets.collect::<BTreeSet<_>>().len()
            };
            assert_eq!(struck([Blow::Kill, Blow::Restart]), 1);
            assert!(struck([Blow::Pause, Blow::Zombie]) > 10);
        }
    }

    #[test]
    fn what_strikes_together_strikes_different_things() {
        let steps = draw(3, 300);
        assert_eq!(steps.concat().len(), 300);
        let pairs: Vec<&Step> = steps.iter().filter(|step| step.len() == 2).collect();
        assert!(pairs.len() > 30);
        assert!(
            pairs
                .iter()
                .all(|pair| struck(pair[0].kind) != struck(pair[1].kind))
        );
    }
}

//! The load: clients that ask, ask again where that is safe, and write down what they were told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use factum_engine::CommandOptions;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::account::{Ask, Order};
use crate::chance::Chance;
use crate::history::{Answer, Asked, Attempt};
use crate::node::{Node, Outcome, Way};
use crate::sender::Sender;
use crate::world::World;

/// How often a client tries at most.
const ATTEMPTS: usize = 12;

/// What all clients share. A clone is the same.
#[derive(Clone)]
pub struct Clients(Arc<Shared>);

struct Shared {
    world: World,
    places: Vec<Place>,
    /// Whether commands are routed.
    routed: bool,
    accounts: u64,
    /// How many of ten commands only look.
    looks: u64,
    history: Mutex<Vec<Asked>>,
}

/// Whom a client asks.
#[derive(Clone)]
enum Place {
    Node(Node),
    Sender(Sender),
}

impl Place {
    async fn call(
        &self,
        id: String,
        order: Order,
        options: CommandOptions,
        way: Way,
    ) -> Option<Outcome> {
        match self {
            Self::Node(node) => node.call(id, order, options, way).await,
            Self::Sender(sender) => sender.call(id, order, options, way).await,
        }
    }
}

impl Clients {
    /// Clients of some nodes, that ask for so many accounts. Where there are senders, commands are
    /// routed, and may be sent by these, too.
    pub fn new(world: &World, nodes: &[Node], senders: &[Sender], accounts: u64) -> Self {
        let places = nodes.iter().cloned().map(Place::Node);
        Self(Arc::new(Shared {
            world: world.clone(),
            places: places
                .chain(senders.iter().cloned().map(Place::Sender))
                .collect(),
            routed: !senders.is_empty(),
            accounts,
            looks: world.draw(|chance| chance.one_of(&[1, 1, 6])),
            history: Mutex::default(),
        }))
    }

    /// What was asked so far, by number.
    pub fn history(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.0
            .history
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The accounts there are.
    pub fn accounts(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.0.accounts).map(|number| format!("account-{number}"))
    }

    /// One client, which asks for so many things, one after the other or many at once.
    pub async fn ask_for(self, count: u64) {
        let world = &self.0.world;
        let mut left = count;
        while left > 0 {
            tokio::time::sleep(world.draw(|chance| chance.delay(600))).await;
            let burst = world.draw(|chance| match chance.strikes(150) {
                true => chance.between(2, 24),
                false => 1,
            });
            let mut under_way = JoinSet::new();
            for _ in 0..burst.min(left) {
                let asked = world.draw(|chance| draw(chance, self.0.accounts, self.0.looks));
                under_way.spawn(self.clone().ask(asked));
            }
            left -= burst.min(left);
            under_way.join_all().await;
        }
    }

    /// Asks for one thing.
    async fn ask(self, asked: Asked) {
        let world = &self.0.world;
        let at = {
            let mut history = self.history();
            history.push(asked);
            let at = history.len() - 1;
            history[at].order = at as u64;
            at
        };
        let mut again = false;
        let places = self.0.places.len() as u64;
        let mut place = world.draw(|chance| chance.below(places)) as usize;
        for _ in 0..ATTEMPTS {
            let known = self.history()[at].command.is_some();
            let answer = self.attempt(at, place).await;
            let goes_on = match answer {
                Answer::Refused => true,
                Answer::Unknown | Answer::Unheard => {
                    known && world.draw(|chance| chance.strikes(800))
                }
                Answer::Done(_) if known && !again => {
                    again = true;
                    world.draw(|chance| chance.strikes(200))
                }
                _ if known && !again && self.0.routed => {
                    again = true;
                    world.draw(|chance| chance.strikes(300))
                }
                _ => false,
            };
            if !goes_on {
                return;
            }
            let bound = match answer {
                Answer::Refused => 400,
                _ => 2000,
            };
            tokio::time::sleep(world.draw(|chance| chance.delay(bound))).await;
            if self.0.routed || !matches!(answer, Answer::Done(_)) {
                place = (place + 1) % self.0.places.len();
            }
        }
    }

    async fn attempt(&self, at: usize, place: usize) -> Answer {
        let world = &self.0.world;
        let asked = self.history()[at].clone();
        let (way, patience, timeout) = world.draw(|chance| {
            let submits = self.0.routed && chance.strikes(300);
            let way = match asked.command.is_some() && chance.strikes(250) {
                _ if submits => Way::Submit,
                true => Way::UntilKnown,
                false => Way::Once,
            };
            let timeout = chance.one_of(&[None, Some(200), Some(2000), Some(8000)]);
            (way, chance.millis(1000, 15_000), timeout)
        });
        let options = CommandOptions {
            expected_version: asked.expected,
            command_id: asked.command,
            timeout: timeout.map(Duration::from_millis),
            ..CommandOptions::default()
        };
        self.call(&self.0.places[place], at, options, way, patience)
            .await
    }

    async fn call(
        &self,
        place: &Place,
        at: usize,
        options: CommandOptions,
        way: Way,
        patience: Duration,
    ) -> Answer {
        let world = &self.0.world;
        let asked = self.history()[at].clone();
        let Asked { order, id, ask, .. } = asked;
        let name = match place {
            Place::Node(node) => format!("node {}", node.name()),
            Place::Sender(_) => "a sender".into(),
        };
        let sent = world.note(format_args!(
            "order {order} for {id} to {name}, {way:?}: {ask:?} {options:?}"
        ));
        let order = Order { number: order, ask };
        let outcome = tokio::time::timeout(patience, place.call(id, order, options, way)).await;
        let answer = Answer::of(&outcome.ok().flatten());
        let answered = world.note(format_args!("order {at} is answered: {answer:?}"));
        self.history()[at].attempts.push(Attempt {
            sent,
            answered,
            answer,
        });
        answer
    }

    /// Asks some nodes for an account's state until one of them tells; `false` where none does in time.
    pub async fn look(&self, nodes: &[Node], id: &str, within: Duration) -> bool {
        let world = &self.0.world;
        let deadline = world.now() + within;
        let asked = Asked {
            id: id.to_owned(),
            ask: Ask::Look,
            order: 0,
            expected: None,
            command: None,
            attempts: Vec::new(),
        };
        let at = {
            let mut history = self.history();
            let order = history.len() as u64;
            history.push(Asked { order, ..asked });
            order as usize
        };
        while world.now() < deadline {
            for node in nodes {
                let (options, patience) = (CommandOptions::default(), Duration::from_secs(20));
                let place = Place::Node(node.clone());
                let answer = self.call(&place, at, options, Way::Once, patience).await;
                if matches!(answer, Answer::Rejected(_)) {
                    return true;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }
}

fn draw(chance: &mut Chance, accounts: u64, looks: u64) -> Asked {
    let ask = match chance.below(9 + looks) {
        0..5 => {
            let count = chance.one_of(&[1, 1, 1, 2, 3, 5]);
            Ask::Deposit((0..count).map(|_| chance.between(1, 9) as i64).collect())
        }
        5..8 => Ask::Withdraw(chance.between(1, 30) as i64),
        8 => Ask::Nothing,
        _ => Ask::Look,
    };
    let expects = chance.strikes(200);
    let versions = chance.one_of(&[2, 10, 40]);
    Asked {
        order: 0,
        id: format!("account-{}", chance.below(accounts)),
        ask,
        expected: expects.then(|| chance.below(versions)),
        command: chance.strikes(700).then(|| Uuid::from_u128(chance.any())),
        attempts: Vec::new(),
    }
}

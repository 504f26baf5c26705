//! A client, and all of them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use factum::partition_of;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Draw, Nodes, Pace, Topic, Ways, Wish};
use crate::flow::{Acknowledged, Flow};
use crate::history::{Asked, Attempt, Recorder};
use crate::wire::{Answer, Request, Way};
use crate::world::{PARTITIONS, lock};

/// Clients of each partition, by how long a node may take for an attempt, in milliseconds: each
/// waits for its answer before it asks again. The patient one hears what a zombie has to say.
const CLIENTS: [u64; 3] = [1000, 1000, 12_000];
/// Accounts of each partition.
const ACCOUNTS: usize = 8;
/// How long a client tries to learn what became of a command.
const PERSISTENCE: Duration = Duration::from_secs(30);

/// What all clients share.
#[derive(Clone)]
struct Shared {
    begin: Instant,
    flow: Flow,
    versions: Arc<Mutex<HashMap<String, u64>>>,
    history: Arc<Mutex<Recorder>>,
    done: Arc<AtomicU64>,
    pace: watch::Receiver<Pace>,
    stop: watch::Receiver<bool>,
}

/// Asks for one thing after the other.
pub struct Client {
    name: String,
    accounts: Vec<String>,
    patience: u64,
    draw: Draw,
    ways: Ways,
    shared: Shared,
}

/// All clients.
pub struct Clients {
    tasks: JoinSet<Result<()>>,
    done: Arc<AtomicU64>,
    pace: watch::Sender<Pace>,
    stop: watch::Sender<bool>,
    history: Arc<Mutex<Recorder>>,
}

impl Clients {
    /// Sets them going, with pauses.
    ///
    /// # Errors
    /// The history cannot be written.
    pub fn start(
        seed: u64,
        nodes: &[String],
        topic: &Topic,
        flow: &Flow,
        history: &Path,
    ) -> Result<Self> {
        let (pace, stop) = (watch::Sender::new(Pace::Pauses), watch::Sender::new(false));
        let shared = Shared {
            begin: Instant::now(),
            flow: flow.clone(),
            versions: Arc::default(),
            history: Arc::new(Mutex::new(Recorder::create(history)?)),
            done: Arc::default(),
            pace: pace.subscribe(),
            stop: stop.subscribe(),
        };
        let mut tasks = JoinSet::new();
        let of_each = |partition| CLIENTS.map(|patience| (partition, patience));
        for (number, (partition, patience)) in (0..PARTITIONS).flat_map(of_each).enumerate() {
            let client = Client {
                name: format!("c{number}"),
                accounts: accounts(partition),
                patience,
                draw: Draw::new(seed, number),
                ways: Ways {
                    nodes: Nodes::new(nodes, number),
                    topic: topic.clone(),
                },
                shared: shared.clone(),
            };
            tasks.spawn(client.run());
        }
        Ok(Self {
            tasks,
            done: shared.done,
            pace,
            stop,
            history: shared.history,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.tasks.len()
    }

    /// How many commands they are done with.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Changes their pace.
    pub fn go(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }

    /// Lets each of them come to the end of its command.
    ///
    /// # Errors
    /// The history could not be written.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended??;
        }
        lock(&self.history).flush()
    }
}

/// The accounts of a partition.
fn accounts(partition: u32) -> Vec<String> {
    let names = (0..).map(|number| format!("account-{number:04}"));
    let here = names.filter(|name| partition_of(name.as_bytes(), PARTITIONS) == partition);
    here.take(ACCOUNTS).collect()
}

impl Client {
    async fn run(mut self) -> Result<()> {
        let mut begin = tokio::time::Instant::now();
        for number in 0.. {
            if *self.shared.stop.borrow() {
                break;
            }
            let pace = *self.shared.pace.borrow();
            tokio::time::sleep_until(pace.next(begin, self.draw.pause())).await;
            if pace != Pace::Pauses {
                // Else connections would gather at the nodes that are never struck.
                self.ways.nodes.turn();
            }
            begin = tokio::time::Instant::now();
            let wish = self.draw.wish(self.accounts.len());
            let order = format!("{}-{number}", self.name);
            let asked = self.ask(order, wish).await;
            lock(&self.shared.history).add(&asked)?;
            self.shared.done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        self.shared.begin.elapsed().as_micros() as u64
    }

    /// Asks until it is known what became of the command, or for as long as that makes sense.
    async fn ask(&mut self, order: String, wish: Wish) -> Asked {
        let account = self.accounts[wish.account].clone();
        let seen = lock(&self.shared.versions)
            .get(&account)
            .copied()
            .unwrap_or(0);
        let request = Request {
            order: order.clone(),
            account: account.clone(),
            command: wish.command.clone(),
            id: wish.id,
            expected: wish.expected.map(|more| seen + more),
            patience: self.patience,
        };
        let begin = self.now();
        let mut attempts = self.pursue(&wish, &request).await;
        let end = self.make_sure(&wish, &request, &mut attempts).await;
        Asked {
            order,
            account,
            command: wish.command,
            id: wish.id,
            expected: request.expected,
            begin,
            end,
            attempts,
        }
    }

    /// Attempts, until one says what became of the command, or another makes no sense.
    async fn pursue(&mut self, wish: &Wish, request: &Request) -> Vec<Attempt> {
        let deadline = Instant::now() + PERSISTENCE;
        let (mut attempts, mut way) = (Vec::new(), wish.way);
        loop {
            let (attempt, sent) = self.attempt(way, request).await;
            self.note(way, &request.account, sent, &attempt.answer);
            let answer = attempt.answer.clone();
            attempts.push(attempt);
            if !asks_again(wish, &answer) || Instant::now() > deadline {
                return attempts;
            }
            if wish.turns && answer == Answer::Unknown {
                way = way.next();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks once more where that is wished, and says when it was known what became of the command.
    async fn make_sure(
        &mut self,
        wish: &Wish,
        request: &Request,
        attempts: &mut Vec<Attempt>,
    ) -> u64 {
        let known = self.now();
        let answer = attempts.last().map(|it| it.answer.clone());
        let Some((way, answer)) = wish.once_more.zip(answer.filter(is_known)) else {
            return known;
        };
        attempts.push(self.attempt(way, request).await.0);
        match answer {
            // Only now its place among others may be known.
            Answer::Submitted => self.now(),
            _ => known,
        }
    }

    async fn attempt(&mut self, way: Way, request: &Request) -> (Attempt, Instant) {
        let (begin, sent) = (self.now(), Instant::now());
        let (node, answer) = self.ways.send(way, request).await;
        (
            Attempt {
                way,
                node,
                begin,
                answer,
            },
            sent,
        )
    }

    fn note(&self, way: Way, account: &str, sent: Instant, answer: &Answer) {
        let Answer::Done(receipt) = answer else {
            return;
        };
        let (account, version) = (account.to_owned(), receipt.version);
        let mut versions = lock(&self.shared.versions);
        let newest = versions.entry(account.clone()).or_default();
        *newest = version.max(*newest);
        drop(versions);
        let acknowledged = Acknowledged {
            way,
            sent,
            account,
            version,
        };
        self.shared.flow.note(receipt.partition, acknowledged);
    }
}

/// Whether the same command id must get the same answer again, or learns what came of it.
fn is_known(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Done(_) | Answer::Submitted | Answer::Rejected | Answer::Conflict(_)
    )
}

/// Whether it is safe and sensible to ask again.
fn asks_again(wish: &Wish, answer: &Answer) -> bool {
    match answer {
        Answer::Unavailable | Answer::Overloaded => true,
        Answer::Fenced => wish.again_when_fenced,
        // Without a command id it could take effect twice.
        Answer::Unknown => wish.id.is_some(),
        Answer::Done(_)
        | Answer::Submitted
        | Answer::Rejected
        | Answer::Conflict(_)
        | Answer::Failed(_) => false,
    }
}

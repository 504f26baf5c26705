//! What all of a run share: time, chance, the trace, the log's topics, and who can reach them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use factum_core::{Event, Offset, Records, events_topic};
use factum_host::simulation::Machine;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::account::Moved;
use crate::chance::Chance;
use crate::flaw::Flaw;
use crate::group::Group;
use crate::trace::Trace;

/// The world of one run. A clone is the same one.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    start: Instant,
    flaw: Option<Flaw>,
    state: Mutex<State>,
    /// Told when a partition has grown.
    grown: Notify,
    /// Told when a group has changed.
    regrouped: Notify,
}

/// The world at one moment.
pub struct State {
    /// What is drawn.
    pub chance: Chance,
    /// What has happened.
    pub trace: Trace,
    /// The log. The first topic is that of the events.
    topics: Vec<Topic>,
    /// The groups by name.
    pub groups: BTreeMap<String, Group>,
    /// The processes, and whether the way to the log is cut.
    pub links: Vec<Link>,
    /// How bad things are.
    pub weather: Weather,
    /// Until when the broker is away.
    pub away: Duration,
    /// What should not have happened.
    pub broken: Vec<String>,
}

/// For each partition its records, one a batch.
pub type Partitions = Vec<Vec<Records>>;

/// Which topic.
pub type TopicId = usize;

/// The topic of events.
pub const EVENTS: TopicId = 0;

struct Topic {
    name: String,
    partitions: Partitions,
}

impl State {
    /// The partitions of a topic.
    pub fn partitions(&self, topic: TopicId) -> &Partitions {
        &self.topics[topic].partitions
    }

    /// The partitions of the topic of events.
    pub fn events(&self) -> &Partitions {
        self.partitions(EVENTS)
    }

    /// The topic of a name, if it is there.
    pub fn find(&self, name: &str) -> Option<TopicId> {
        self.topics.iter().position(|topic| topic.name == name)
    }

    /// The topic of a name, made when it is not there: with as many partitions as that of events.
    pub fn topic(&mut self, name: &str) -> TopicId {
        self.find(name).unwrap_or_else(|| {
            self.topics.push(Topic {
                name: name.to_owned(),
                partitions: vec![Vec::new(); self.events().len()],
            });
            self.topics.len() - 1
        })
    }
}

/// A process's way to the log.
pub struct Link {
    /// The machine it runs on.
    pub machine: Machine,
    /// Until when nothing passes.
    pub cut: Duration,
    /// Since when nobody heard of it.
    pub silent: Option<Duration>,
}

/// Which process.
pub type LinkId = usize;

/// How often what goes wrong, of a thousand times, and how long things take, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// A batch never lands, and the caller is told that it failed.
    pub lost: u64,
    /// A batch lands, and the caller is told that it failed.
    pub unanswered: u64,
    /// The caller is told that a batch failed, and it lands later.
    pub late: u64,
    /// A part of a batch lands, and the caller is told that it failed; the rest may land later.
    pub torn: u64,
    /// A batch lands, and once more later.
    pub doubled: u64,
    /// A batch lands in any order, and nobody knows where.
    pub scattered: u64,
    /// A question fails.
    pub questions: u64,
    /// A reader fails.
    pub readers: u64,
    /// A session with the store breaks, before or after it did what it was asked to.
    pub store: u64,
    /// Someone else writes into the log.
    pub foreign: u64,
    /// How often a reader fetches a few records only.
    pub crumbs: u64,
    /// How long a way takes at most.
    pub delay: u64,
}

impl World {
    /// A world with an empty log.
    pub fn new(seed: u64, partitions: u32, flaw: Option<Flaw>, printed: bool) -> Self {
        Self(Arc::new(Shared {
            flaw,
            start: Instant::now(),
            state: Mutex::new(State {
                chance: Chance::of(seed),
                trace: Trace::new(printed),
                topics: vec![Topic {
                    name: events_topic(Moved::AGGREGATE),
                    partitions: vec![Vec::new(); partitions as usize],
                }],
                groups: BTreeMap::new(),
                links: Vec::new(),
                weather: Weather::default(),
                away: Duration::ZERO,
                broken: Vec::new(),
            }),
            grown: Notify::new(),
            regrouped: Notify::new(),
        }))
    }

    /// The world as it is.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the run does without.
    pub fn flaw(&self) -> Option<Flaw> {
        self.0.flaw
    }

    /// The time since the run began.
    pub fn now(&self) -> Duration {
        self.0.start.elapsed()
    }

    /// Draws.
    pub fn draw<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.state().chance)
    }

    /// Notes what happened, and returns its number.
    pub fn note(&self, what: fmt::Arguments<'_>) -> u64 {
        let now = self.now();
        self.state().trace.note(now, what)
    }

    /// Notes what should not have happened.
    pub fn broken(&self, what: String) {
        self.note(format_args!("BROKEN {what}"));
        self.state().broken.push(what);
    }

    /// Adds a process.
    pub fn connect(&self, machine: Machine) -> LinkId {
        let mut state = self.state();
        state.links.push(Link {
            machine,
            cut: Duration::ZERO,
            silent: None,
        });
        state.links.len() - 1
    }

    /// Whether a process runs.
    pub fn is_on(&self, link: LinkId) -> bool {
        let state = self.state();
        state
            .links
            .get(link)
            .is_some_and(|link| link.machine.is_on())
    }

    /// Lets go of all processes, at the end of a run: they hold on to the world, as it does to them.
    pub fn end(&self) {
        let links = std::mem::take(&mut self.state().links);
        drop(links);
    }

    /// When the log and a process reach each other again, as far as it is known.
    pub fn reached_at(&self, link: LinkId) -> Duration {
        let state = self.state();
        state.away.max(state.links[link].cut)
    }

    /// Waits for a while, which is drawn.
    pub async fn travel(&self) {
        let wait = self.way();
        tokio::time::sleep(wait).await;
    }

    /// How long the next way takes.
    pub fn way(&self) -> Duration {
        let mut state = self.state();
        let bound = state.weather.delay;
        state.chance.delay(bound)
    }

    /// Appends records to a topic itself, and returns the first one's offset.
    pub fn land(&self, topic: TopicId, partition: u32, records: &Records) -> Offset {
        let now = self.now();
        let mut state = self.state();
        let State { topics, trace, .. } = &mut *state;
        let landed = &mut topics[topic].partitions[partition as usize];
        let first = landed.len() as Offset;
        for record in records.iter() {
            let mut one = Records::new();
            one.push(record);
            let offset = landed.len();
            let (header, value) = (record.header.map(Hex), Hex(record.value));
            trace.note(
                now,
                format_args!("{topic}/{partition}@{offset} {header:?} {value:?}"),
            );
            landed.push(one);
        }
        drop(state);
        self.0.grown.notify_waiters();
        first
    }

    /// Resolves when a partition has grown after the call.
    pub fn grown(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.grown.notified()
    }

    /// Resolves when a group has changed after the call.
    pub fn regrouped(&self) -> tokio::sync::futures::Notified<'_> {
        self.0.regrouped.notified()
    }

    /// Changes a group, and tells its members.
    pub fn regroup<T>(&self, group: &str, change: impl FnOnce(&mut Group, Duration) -> T) -> T {
        let now = self.now();
        let answer = self.group(group, |group| change(group, now));
        self.0.regrouped.notify_waiters();
        answer
    }

    /// Looks at a group.
    pub fn group<T>(&self, group: &str, look: impl FnOnce(&mut Group) -> T) -> T {
        let mut state = self.state();
        let partitions = state.events().len();
        let found = state.groups.entry(group.to_owned());
        look(found.or_insert_with(|| Group::new(partitions)))
    }
}

/// Bytes, printed short.
struct Hex<'b>(&'b [u8]);

impl fmt::Debug for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

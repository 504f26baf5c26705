//! Two nodes never fence each other in a loop, whatever their groups believe.

mod counter;
mod counting;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use counter::{Command, Counter, read_all};
use counting::CountingLog;
use factum_core::{
    Append, Change, EventLog, Header, LogError, LogReader, Membership, NewTopic, Offset, Records,
    Release, Topic,
};
use factum_engine::{CommandOptions, Engine, EngineOptions, ExecuteError};
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const RECLAIM_AFTER: Duration = Duration::from_secs(3);
const PARTITIONS: u32 = 2;
const CALLERS: u64 = 3;
/// How long each caller waits between two commands.
const PAUSE: Duration = Duration::from_millis(200);

fn options(group: &str, standby: bool) -> EngineOptions {
    EngineOptions {
        create: Some(NewTopic {
            partitions: PARTITIONS,
            ..NewTopic::default()
        }),
        group: Some(group.into()),
        reclaim_after: RECLAIM_AFTER,
        standby,
        ..EngineOptions::default()
    }
}

/// How many claims stand in the log.
async fn claims(log: &Arc<dyn EventLog>) -> u64 {
    let topic = log.open("test.counter.events", None).await.unwrap();
    let mut claims = 0;
    for partition in 0..PARTITIONS {
        let (mut at, end) = (0, topic.end(partition).await.unwrap());
        let mut reader = topic.read(&[(partition, 0)]).await.unwrap();
        while at < end {
            for fetched in reader.next().await.unwrap() {
                at = fetched.next;
                let headers = fetched.iter().filter_map(|(_, record)| record.header);
                let claim = |header| matches!(Header::decode(header), Ok(Header::Claim(_)));
                claims += headers.filter(|header| claim(header)).count() as u64;
            }
        }
    }
    claims
}

/// Sends commands to both nodes in turn until it is over. Returns the ids of those that were done, and
/// of those of which it was told that nothing happened.
async fn call(nodes: Arc<[Engine<Counter>; 2]>, caller: u64, over: Instant) -> Told {
    let mut told = Told::default();
    let mut number = 0;
    while Instant::now() < over {
        let command_id = Uuid::from_u64_pair(caller + 1, number);
        let options = CommandOptions {
            command_id: Some(command_id),
            ..CommandOptions::default()
        };
        let node = &nodes[(caller + number) as usize % 2];
        let id = format!("counter-{}", (caller + number / 2) % 5);
        match node.execute_with(id, Command::Add(vec![1]), options).await {
            Ok(_) => told.done.push(command_id),
            Err(ExecuteError::Fenced | ExecuteError::Unavailable { .. }) => {
                told.nothing.push(command_id);
            }
            Err(error) => panic!("{error}"),
        }
        number += 1;
        sleep(PAUSE).await;
    }
    told
}

#[derive(Default)]
struct Told {
    done: Vec<Uuid>,
    nothing: Vec<Uuid>,
}

/// Calls both nodes for a while, and checks every answer.
async fn drive(log: &Arc<dyn EventLog>, nodes: [Engine<Counter>; 2], during: Duration) -> usize {
    let nodes = Arc::new(nodes);
    let over = Instant::now() + during;
    let callers = (0..CALLERS).map(|caller| tokio::spawn(call(nodes.clone(), caller, over)));
    let mut told = Told::default();
    for caller in callers.collect::<Vec<_>>() {
        let more = caller.await.unwrap();
        told.done.extend(more.done);
        told.nothing.extend(more.nothing);
    }
    for node in Arc::into_inner(nodes).unwrap() {
        node.shutdown().await.unwrap();
    }
    let mut seen: HashMap<Uuid, u32> = HashMap::new();
    for event in read_all(log).await {
        *seen.entry(event.command).or_default() += 1;
    }
    assert!(told.done.iter().all(|id| seen.get(id) == Some(&1)));
    assert!(told.nothing.iter().all(|id| !seen.contains_key(id)));
    told.done.len()
}

/// Two nodes in two groups, each of which gives its only member everything.
async fn in_two_groups(seed: u64, standby: bool) -> (u64, usize) {
    const DURING: Duration = Duration::from_secs(1800);
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let faults = Faults {
        seed,
        delay: Duration::from_millis(20),
        ..Faults::default()
    };
    let faulty = || Arc::new(FaultyLog::new(log.clone(), faults));
    let nodes = [
        Engine::start(faulty(), options("one", standby))
            .await
            .unwrap(),
        Engine::start(faulty(), options("two", standby))
            .await
            .unwrap(),
    ];
    let done = drive(&log, nodes, DURING).await;
    (claims(&log).await, done)
}

#[tokio::test(start_paused = true)]
async fn nodes_in_two_groups_give_each_other_more_and_more_time() {
    for seed in 0..4 {
        let (claims, done) = in_two_groups(seed, seed % 2 == 0).await;
        println!("seed {seed}: {claims} claims, {done} commands done in half an hour");
        // Were the wait always the same, there would be one claim in three seconds: 1200.
        // Each node's waits are 3, 6, 12, 24, 48, 96, 96, … seconds.
        let each = 6 + 1800 / 96 + 1;
        let most = 2 * each * u64::from(PARTITIONS);
        assert!(claims <= most, "{claims} claims, {most} at most");
        assert!(claims > 20, "they did not meet: {claims} claims");
        assert!(done > 10_000, "callers were served by one of them: {done}");
    }
}

/// A log whose group gives and takes as a seed says, without asking anybody.
struct Flapping {
    log: Arc<dyn EventLog>,
    seed: u64,
    gains: Arc<AtomicU64>,
}

struct FlappingTopic {
    topic: Arc<dyn Topic>,
    seed: u64,
    gains: Arc<AtomicU64>,
}

struct FlappingMember {
    random: StdRng,
    gained: bool,
    next: Instant,
    gains: Arc<AtomicU64>,
}

#[async_trait]
impl EventLog for Flapping {
    async fn open(
        &self,
        topic: &str,
        create: Option<NewTopic>,
    ) -> Result<Arc<dyn Topic>, LogError> {
        Ok(Arc::new(FlappingTopic {
            topic: self.log.open(topic, create).await?,
            seed: self.seed,
            gains: self.gains.clone(),
        }))
    }

    async fn open_fleeting(
        &self,
        topic: &str,
        create: Option<NewTopic>,
        keep: Duration,
    ) -> Result<Arc<dyn Topic>, LogError> {
        self.log.open_fleeting(topic, create, keep).await
    }
}

#[async_trait]
impl Topic for FlappingTopic {
    fn name(&self) -> &str {
        self.topic.name()
    }

    fn partitions(&self) -> u32 {
        self.topic.partitions()
    }

    fn max_record_bytes(&self) -> usize {
        self.topic.max_record_bytes()
    }

    fn append(&self, partition: u32, records: Records) -> Append {
        self.topic.append(partition, records)
    }

    async fn start(&self, partition: u32) -> Result<Offset, LogError> {
        self.topic.start(partition).await
    }

    async fn end(&self, partition: u32) -> Result<Offset, LogError> {
        self.topic.end(partition).await
    }

    async fn read(&self, from: &[(u32, Offset)]) -> Result<Box<dyn LogReader>, LogError> {
        self.topic.read(from).await
    }

    async fn join(&self, _: &str) -> Result<Box<dyn Membership>, LogError> {
        Ok(Box::new(FlappingMember {
            random: StdRng::seed_from_u64(self.seed),
            gained: false,
            next: Instant::now(),
            gains: self.gains.clone(),
        }))
    }
}

#[async_trait]
impl Membership for FlappingMember {
    async fn next(&mut self) -> Result<Change, LogError> {
        tokio::time::sleep_until(self.next).await;
        self.gained = !self.gained;
        let most = if self.gained { 8000 } else { 1000 };
        let until = Duration::from_millis(self.random.random_range(1..most));
        self.next = Instant::now() + until;
        let partitions: Vec<u32> = (0..PARTITIONS).collect();
        Ok(if self.gained {
            self.gains
                .fetch_add(partitions.len() as u64, Ordering::SeqCst);
            Change::Gained(partitions)
        } else {
            let release = Release::new(|| ());
            Change::Revoked {
                partitions,
                release,
            }
        })
    }

    async fn leave(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_flaps_causes_two_claims_at_most_for_each_partition_that_it_gives() {
    const DURING: Duration = Duration::from_secs(300);
    for seed in 0..6 {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
        let gains = Arc::new(AtomicU64::new(0));
        let flapping = |seed| {
            Arc::new(Flapping {
                log: log.clone(),
                seed,
                gains: gains.clone(),
            })
        };
        let standby = seed % 2 == 0;
        let nodes = [
            Engine::start(flapping(seed), options("one", standby))
                .await
                .unwrap(),
            Engine::start(flapping(seed + 100), options("one", standby))
                .await
                .unwrap(),
        ];
        let done = drive(&log, nodes, DURING).await;
        let (claims, gains) = (claims(&log).await, gains.load(Ordering::SeqCst));
        println!("seed {seed}: {claims} claims, {gains} gains, {done} commands done");
        // A partition is held for less than 8 s: claimed at once, and again after 3 s, but not after 9.
        assert!(claims <= 2 * gains, "{claims} claims, {gains} gains");
        assert!(gains > 200 && done > 1500, "{gains} gains, {done} done");
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_in_doubt_steps_back_before_a_claim_that_it_sees() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let losing = CountingLog::new(log.clone());
    let first = Engine::<Counter>::start(Arc::new(losing.clone()), options("one", false));
    let first = first.await.unwrap();
    let add = || Command::Add(vec![1]);
    first.execute("a", add()).await.unwrap();
    let second = Engine::<Counter>::start(log.clone(), options("two", false));
    let second = second.await.unwrap();
    second.execute("a", add()).await.unwrap();
    let before = claims(&log).await;
    losing.lose_one();
    // It must find out what became of its append, and finds that somebody else has claimed.
    let fenced = first.execute("a", add()).await;
    assert!(matches!(fenced, Err(ExecuteError::Fenced)), "{fenced:?}");
    sleep(RECLAIM_AFTER / 2).await;
    assert_eq!(claims(&log).await, before);
    second.execute("a", add()).await.unwrap();
    assert_eq!(read_all(&log).await.len(), 3);
}

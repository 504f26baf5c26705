//! Commands through the log, under faults: two engines that do not know of each other, and clients,
//! each behind a network that loses, tears, doubles and delays; a reader that shares no code with them
//! but the rule.

mod counter;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use counter::{Command, Counter, Seen, read_all};
use factum_core::{EventLog, NewTopic};
use factum_engine::{
    CheckpointOptions, Checkpoints, Client, CommandOptions, Engine, EngineOptions, ExecuteError,
    Receipt, Routing, RoutingOptions,
};
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use tempfile::TempDir;
use uuid::Uuid;

const CALLERS: u64 = 6;
const COMMANDS: u64 = 20;
const IDS: u64 = 4;

fn behind_faults(log: &Arc<dyn EventLog>, seed: u64) -> Arc<dyn EventLog> {
    let faults = Faults {
        seed,
        failed: 20,
        torn: 20,
        unacknowledged: 20,
        late: 20,
        doubled: 30,
        placeless: 30,
        delay: Duration::from_millis(2),
    };
    Arc::new(FaultyLog::new(log.clone(), faults))
}

fn routing() -> Routing<Counter> {
    Routing::new(RoutingOptions {
        send_again_after: Duration::from_millis(100),
        ..RoutingOptions::default()
    })
}

async fn engine(log: &Arc<dyn EventLog>, group: &str, checkpoints: &TempDir) -> Engine<Counter> {
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions: 2,
            ..NewTopic::default()
        }),
        group: Some(group.into()),
        reclaim_after: Duration::from_millis(20),
        ..EngineOptions::default()
    };
    let checkpoints = CheckpointOptions {
        every: Duration::from_millis(1),
        ..CheckpointOptions::in_dir(checkpoints.path())
    };
    let builder = Engine::builder(log.clone()).options(options);
    let builder = builder.checkpoints(Checkpoints::new(checkpoints));
    builder.routing(routing()).start().await.unwrap()
}

/// What a caller was told, at last.
#[derive(Debug)]
enum Told {
    Done(Receipt),
    /// A final no: the command must not take effect, now or later.
    No,
    /// It is durable, and must take effect.
    Submitted,
}

enum Way {
    Engine(Arc<Engine<Counter>>),
    Client(Client<Counter>),
}

impl Way {
    async fn execute(
        &self,
        id: &str,
        command: Command,
        options: CommandOptions,
    ) -> Result<Receipt, ExecuteError<counter::LimitReached>> {
        match self {
            Self::Engine(engine) => engine.execute_with(id, command, options).await,
            Self::Client(client) => client.execute_with(id, command, options).await,
        }
    }
}

/// Sends commands one after the other on changing ways, each until its fate is known. Every third one
/// expects a version that is often another one.
async fn call(ways: Arc<Vec<Way>>, caller: u64, log: Client<Counter>) -> Vec<(Uuid, Told)> {
    let mut told = Vec::new();
    for number in 0..COMMANDS {
        let command_id = Uuid::from_u64_pair(caller + 1, number);
        let id = format!("counter-{}", (caller + number) % IDS);
        let options = CommandOptions {
            command_id: Some(command_id),
            expected_version: (number % 3 == 0).then_some(number),
            timeout: Some(Duration::from_millis(40)),
            ..CommandOptions::default()
        };
        if number % 7 == 1 {
            let options = CommandOptions {
                expected_version: None,
                timeout: None,
                ..options
            };
            while log
                .submit_with(&*id, Command::Add(vec![1]), options.clone())
                .await
                .is_err()
            {}
            told.push((command_id, Told::Submitted));
            continue;
        }
        let mut way = (caller + number) as usize;
        let last = loop {
            let way_now = &ways[way % ways.len()];
            let command = Command::Add(vec![1]);
            match way_now.execute(&id, command, options.clone()).await {
                Ok(receipt) => break Told::Done(receipt),
                Err(ExecuteError::Conflict { .. }) => break Told::No,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
            way += 1;
            tokio::task::yield_now().await;
        };
        told.push((command_id, last));
    }
    told
}

fn check(seen: &[Seen], told: &[(Uuid, Told)]) {
    let mut versions: HashMap<&str, u64> = HashMap::new();
    let mut by_command: HashMap<Uuid, Vec<&Seen>> = HashMap::new();
    for event in seen {
        let version = versions.entry(&event.id).or_default();
        *version += 1;
        assert_eq!(event.version, *version, "{event:?}");
        by_command.entry(event.command).or_default().push(event);
    }
    for (command, told) in told {
        let found = by_command.remove(command).unwrap_or_default();
        match told {
            Told::No => assert!(
                found.is_empty(),
                "{command} was refused, and is there: {found:?}"
            ),
            Told::Submitted => assert_eq!(found.len(), 1, "{command}: {found:?}"),
            Told::Done(receipt) => {
                assert_eq!(found.len(), 1, "{command}: {found:?}");
                let (event, told) = (found[0], (receipt.version, receipt.sequence));
                assert_eq!((event.version, event.sequence), told, "{command}");
            }
        }
    }
    assert!(by_command.is_empty(), "nobody asked for {by_command:?}");
}

async fn round(seed: u64) -> (usize, usize) {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let folder =
        || tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap());
    let folders = [folder(), folder()];
    let mut engines = Vec::new();
    for (number, group) in ["first", "second"].into_iter().enumerate() {
        let log = behind_faults(&log, seed + 1_000_000 * number as u64);
        engines.push(Arc::new(engine(&log, group, &folders[number]).await));
    }
    let mut ways: Vec<_> = engines.iter().cloned().map(Way::Engine).collect();
    for number in 2..4 {
        let log = behind_faults(&log, seed + 1_000_000 * number);
        ways.push(Way::Client(Client::connect(log, routing()).await.unwrap()));
    }
    let ways = Arc::new(ways);
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let log = behind_faults(&log, seed + 1_000_000 * (4 + caller));
        let submitting = Client::connect(log, routing()).await.unwrap();
        callers.push(tokio::spawn(call(ways.clone(), caller, submitting)));
    }
    let mut told = Vec::new();
    for caller in callers {
        told.extend(caller.await.unwrap());
    }
    // What was submitted waits behind what both engines have under way.
    drop(ways);
    for engine in engines {
        engine.shutdown().await.unwrap();
    }
    let last = engine(&log, "third", &folder()).await;
    let client = Client::connect(log.clone(), routing()).await.unwrap();
    for id in 0..IDS {
        let id = format!("counter-{id}");
        client.execute(&*id, Command::Add(vec![])).await.unwrap();
    }
    last.shutdown().await.unwrap();
    check(&read_all(&log).await, &told);
    let no = told
        .iter()
        .filter(|(_, told)| matches!(told, Told::No))
        .count();
    (told.len() - no, no)
}

#[tokio::test(start_paused = true)]
async fn every_routed_command_takes_effect_once_and_answers_stay() {
    let (mut done, mut no) = (0, 0);
    for seed in 0..60 {
        let (more_done, more_no) = round(seed).await;
        (done, no) = (done + more_done, no + more_no);
    }
    println!("{done} done, {no} refused");
    assert!(
        done > 1000 && no > 200,
        "{done} done, {no} refused: the faults had no effect"
    );
}

//! Two engines that do not know of each other, on one log behind a network that loses, tears,
//! doubles and delays; and a reader that shares no code with them but the rule.

mod counter;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use counter::{Command, Counter, Seen, read_all};
use factum_core::{EventLog, NewTopic};
use factum_engine::{
    CheckpointOptions, Checkpoints, CommandOptions, Engine, EngineOptions, ExecuteError, Receipt,
};
use factum_testkit::{Faults, FaultyLog, MemoryLog};
use tempfile::TempDir;
use uuid::Uuid;

const CALLERS: u64 = 8;
const COMMANDS: u64 = 40;

fn faults(seed: u64) -> Faults {
    Faults {
        seed,
        failed: 20,
        torn: 20,
        unacknowledged: 20,
        late: 20,
        doubled: 30,
        placeless: 30,
        delay: Duration::from_millis(2),
    }
}

/// A folder whose files cost no wait for a disk, where there is one.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

/// An engine behind faults. Every other one holds hardly any state in memory.
async fn engine(
    log: &Arc<dyn EventLog>,
    group: &str,
    seed: u64,
    checkpoints: &TempDir,
) -> Engine<Counter> {
    let checkpoints = CheckpointOptions {
        every: Duration::from_millis(1),
        memory: (seed % 2 == 1).then_some(1),
        ..CheckpointOptions::in_dir(checkpoints.path())
    };
    let faulty = FaultyLog::new(log.clone(), faults(seed));
    start(Arc::new(faulty), group, checkpoints).await
}

async fn start(
    log: Arc<dyn EventLog>,
    group: &str,
    checkpoints: CheckpointOptions,
) -> Engine<Counter> {
    let options = EngineOptions {
        create: Some(NewTopic {
            partitions: 2,
            ..NewTopic::default()
        }),
        group: Some(group.into()),
        reclaim_after: Duration::from_millis(20),
        standby: group == "second",
        ..EngineOptions::default()
    };
    let checkpoints = Checkpoints::new(checkpoints);
    let engine = Engine::builder(log)
        .options(options)
        .checkpoints(checkpoints)
        .start();
    engine.await.unwrap()
}

/// What a caller was told about a command, at last.
#[derive(Clone, Copy)]
enum Told {
    Done(Receipt),
    Nothing,
}

/// One caller: sends commands one after the other to either engine. Of the commands that failed,
/// it repeats every other one with the same id, until it is done.
async fn call(engines: Arc<[Engine<Counter>; 2]>, caller: u64) -> Vec<(Uuid, u32, Told)> {
    let mut told = Vec::new();
    for number in 0..COMMANDS {
        let command_id = Uuid::from_u64_pair(caller + 1, number);
        let events = 1 + ((caller + number) % 3) as u32;
        let options = CommandOptions {
            command_id: Some(command_id),
            ..CommandOptions::default()
        };
        let mut engine = (caller + number) as usize;
        let last = loop {
            let command = Command::Add(vec![number; events as usize]);
            let id = format!("counter-{}", (caller + number) % 5);
            match engines[engine % 2]
                .execute_with(id, command, options.clone())
                .await
            {
                Ok(receipt) => break Told::Done(receipt),
                Err(ExecuteError::Fenced) if number % 2 == 0 => break Told::Nothing,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
            engine += 1;
            tokio::task::yield_now().await;
        };
        told.push((command_id, events, last));
    }
    told
}

fn check(seen: &[Seen], told: &[(Uuid, u32, Told)]) {
    let mut versions: HashMap<&str, u64> = HashMap::new();
    let mut sequences: HashMap<u32, u64> = HashMap::new();
    let mut by_command: HashMap<Uuid, Vec<&Seen>> = HashMap::new();
    for event in seen {
        let version = versions.entry(&event.id).or_default();
        let sequence = sequences.entry(event.partition).or_default();
        (*version, *sequence) = (*version + 1, *sequence + 1);
        assert_eq!(
            (event.version, event.sequence),
            (*version, *sequence),
            "{event:?}"
        );
        by_command.entry(event.command).or_default().push(event);
    }
    for (command, events, told) in told {
        let found = by_command.remove(command).unwrap_or_default();
        match told {
            Told::Nothing => assert!(
                found.is_empty(),
                "{command} was fenced, and is there: {found:?}"
            ),
            Told::Done(receipt) => {
                assert_eq!(found.len(), *events as usize, "{command}: {found:?}");
                let last = found.last().unwrap();
                assert_eq!(
                    (last.version, last.sequence),
                    (receipt.version, receipt.sequence)
                );
            }
        }
    }
    assert!(by_command.is_empty(), "nobody asked for {by_command:?}");
}

/// What is stored is fact: with its tail, it gives every aggregate the version that the log has.
async fn check_checkpoint(log: &Arc<dyn EventLog>, folder: &TempDir, seen: &[Seen]) {
    let checkpoints = CheckpointOptions::in_dir(folder.path());
    let engine = start(log.clone(), "third", checkpoints).await;
    let versions: HashMap<_, _> = seen
        .iter()
        .map(|event| (event.id.as_str(), event.version))
        .collect();
    for (id, version) in versions {
        let receipt = engine.execute(id, Command::Add(vec![])).await.unwrap();
        assert_eq!(receipt.version, version, "{id}");
    }
    engine.shutdown().await.unwrap();
}

async fn round(seed: u64) -> (usize, usize) {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let folders = [folder(), folder()];
    let engines = [
        engine(&log, "first", seed, &folders[0]).await,
        engine(&log, "second", seed + 1_000_001, &folders[1]).await,
    ];
    let engines = Arc::new(engines);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| tokio::spawn(call(engines.clone(), caller)))
        .collect();
    let mut told = Vec::new();
    for caller in callers {
        told.extend(caller.await.unwrap());
    }
    let Ok(engines) = Arc::try_unwrap(engines) else {
        panic!("all callers are done")
    };
    for engine in engines {
        engine.shutdown().await.unwrap();
    }
    let seen = read_all(&log).await;
    check(&seen, &told);
    for folder in &folders {
        check_checkpoint(&log, folder, &seen).await;
    }
    let fenced = told
        .iter()
        .filter(|(.., told)| matches!(told, Told::Nothing))
        .count();
    (told.len() - fenced, fenced)
}

#[tokio::test(start_paused = true)]
async fn no_command_is_lost_doubled_or_reordered() {
    let (mut done, mut fenced) = (0, 0);
    for seed in 0..100 {
        let (more_done, more_fenced) = round(seed).await;
        (done, fenced) = (done + more_done, fenced + more_fenced);
    }
    println!("{done} commands done, {fenced} fenced");
    assert!(
        done > 1000 && fenced > 50,
        "{done} done, {fenced} fenced: the faults had no effect"
    );
}

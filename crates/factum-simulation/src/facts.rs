//! What the log says in the end.

use std::collections::BTreeMap;

use factum_core::{CommitReader, Event, Fetched, Offset, Position, ValidRecord};
use uuid::Uuid;

use crate::account::{Account, Moved};
use crate::flaw::soundly;
use crate::handled::{Covered, Noted, uncovered};
use crate::world::World;

/// A valid commit.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The account.
    pub id: String,
    /// The partition.
    pub partition: u32,
    /// The sequence of its last event.
    pub sequence: u64,
    /// The account's version before it.
    pub before: u64,
    /// The account's version after it.
    pub version: u64,
    /// The command's id.
    pub command: Uuid,
    /// The order, as its first event says.
    pub order: u64,
    /// The amounts.
    pub amounts: Vec<i64>,
}

/// All valid commits, and each account's states, the first one included.
#[derive(Default)]
pub struct Facts {
    /// The commits, partition by partition.
    pub commits: Vec<Commit>,
    /// The states by account.
    pub states: BTreeMap<String, Vec<Account>>,
    /// What stands for commands without events.
    pub noted: Vec<Noted>,
    /// For each partition, the commands that came through the log, in the order of their commits.
    pub covered: Vec<Vec<Covered>>,
    /// How many valid records each partition has.
    pub ends: Vec<u64>,
    /// How many records have no effect.
    pub void: u64,
}

/// Reads the log of a run, and adds what must not be there to `violations`.
pub fn read(world: &World, violations: &mut Vec<String>) -> Facts {
    soundly(world.flaw(), || read_soundly(world, violations))
}

fn read_soundly(world: &World, violations: &mut Vec<String>) -> Facts {
    let mut facts = Facts::default();
    let partitions = world.state().events().clone();
    let count = partitions.len() as u32;
    for (partition, records) in (0..).zip(&partitions) {
        let mut fetched = Fetched::new(partition, 0);
        for (offset, record) in records.iter().enumerate() {
            fetched.push(offset as Offset, record.get(0).expect("one a batch"));
        }
        let mut reader = CommitReader::new("log", partition, count, Position::START);
        let mut sequence = 0;
        facts.covered.push(Vec::new());
        let read = reader.read_all(&fetched, |record| {
            let (ValidRecord::Event(event) | ValidRecord::Handled(event)) = record;
            let stamp = event.header.stamp;
            let emitted = matches!(record, ValidRecord::Event(_));
            sequence += 1;
            if stamp.sequence != sequence {
                let found = stamp.sequence;
                violations.push(format!(
                    "{partition}: event {found} where {sequence} was next"
                ));
            }
            if stamp.index == 0 {
                facts.covered[partition as usize].extend(Covered::by(event, emitted));
            }
            if let ValidRecord::Handled(handled) = record {
                facts.noted.push(Noted::read(handled));
                return Ok(());
            }
            match Moved::decode(event.value) {
                Err(error) => violations.push(format!("{partition}: {error}")),
                Ok(moved) => facts.take(event, &moved, violations),
            }
            Ok(())
        });
        if let Err(error) = read {
            violations.push(format!("the log cannot be read: {error:?}"));
        }
        facts.ends.push(sequence);
        facts.void += records.len() as u64 - sequence;
    }
    violations.extend(uncovered(world, &facts.covered));
    facts
}

impl Facts {
    fn take(
        &mut self,
        event: &factum_core::ValidEvent<'_>,
        moved: &Moved,
        violations: &mut Vec<String>,
    ) {
        let (id, stamp) = (event.key, event.header.stamp);
        let states = self.states.entry(id.to_owned());
        let states = states.or_insert_with(|| vec![Account::default()]);
        let account = states.last().copied().unwrap_or_default();
        let after = account.after(moved.order, moved.amount);
        if event.header.version != after.version {
            let (found, next) = (event.header.version, after.version);
            violations.push(format!("{id}: version {found} where {next} was next"));
        }
        if moved.after != after {
            let told = moved.after;
            violations.push(format!("{id}: decided as if {told:?} followed {account:?}"));
        }
        states.push(after);
        if stamp.index == 0 {
            self.commits.push(Commit {
                id: id.to_owned(),
                partition: event.partition,
                sequence: stamp.sequence,
                before: account.version,
                version: after.version,
                command: event.header.command,
                order: moved.order,
                amounts: Vec::new(),
            });
        }
        if let Some(commit) = self.commits.last_mut() {
            if commit.id != id || commit.order != moved.order {
                violations.push(format!("{id}: a commit of several orders: {commit:?}"));
            }
            commit.sequence = stamp.sequence;
            commit.version = after.version;
            commit.amounts.push(moved.amount);
        }
    }

    /// An account's last state.
    pub fn last(&self, id: &str) -> Account {
        let states = self.states.get(id);
        states
            .and_then(|states| states.last())
            .copied()
            .unwrap_or_default()
    }
}

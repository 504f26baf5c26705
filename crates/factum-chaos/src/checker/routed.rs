//! Commands that came through their topic: each leaves one commit, in the topic's order.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::handling::{Handling, outcome};
use super::partition::partition_of;
use super::{Commit, Handled, Kind, PartitionLog, Routed, Violation};
use crate::history::Asked;
use crate::wire::{Answer, Order, Receipt};

/// Weighs the commits of all partitions against each other, against the commands of their topic,
/// where there is one, and against what clients were told of it.
pub(super) fn judge_routed(
    history: &[Asked],
    logs: &[PartitionLog],
    commands: Option<&[Vec<Routed>]>,
) -> Vec<Violation> {
    let partitions = u32::try_from(logs.len()).unwrap_or(u32::MAX);
    let all: Vec<Vec<Handling<'_>>> = logs.iter().map(Handling::all).collect();
    let mut found = ids(&all);
    found.extend(outcomes(&all));
    for handlings in &all {
        found.extend(order(handlings));
        found.extend(versions(handlings));
        found.extend(strangers(handlings, history, partitions));
    }
    let Some(commands) = commands else {
        return found;
    };
    for (handlings, commands) in all.iter().zip(commands) {
        found.extend(passed_over(handlings, commands));
        found.extend(origins(handlings, commands));
    }
    found.extend(asked_for(history, commands, partitions));
    found.extend(submissions(history, &all, commands));
    found
}

/// A command id has events once, and none where it was refused.
fn ids(all: &[Vec<Handling<'_>>]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut events: HashMap<Uuid, &Handling<'_>> = HashMap::new();
    for handling in all.iter().flatten() {
        if let Handling::Nothing(_) = handling {
            continue;
        }
        if let Some(first) = events.insert(handling.command(), handling) {
            let (id, first, second) = (handling.command(), first.place(), handling.place());
            let text = format!("command {id} has events at {first} and at {second}");
            found.push(Violation::new(Kind::Doubled, text));
        }
    }
    for refused in all.iter().flatten().filter(|it| it.is_refused()) {
        if let Some(events) = events.get(&refused.command()) {
            let (id, refusal, events) = (refused.command(), refused.place(), events.place());
            let text = format!("command {id} was refused at {refusal}, and has events at {events}");
            found.push(Violation::new(Kind::Refused, text));
        }
    }
    found
}

/// Whatever is written down of a command id says the same of it, and what says that it took effect
/// names the commit of its events.
fn outcomes(all: &[Vec<Handling<'_>>]) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut first: HashMap<Uuid, &Handled> = HashMap::new();
    let commits = all.iter().flatten().filter_map(|it| match it {
        Handling::Events(commit) => Some((commit[0].command, *commit)),
        Handling::Nothing(_) => None,
    });
    let commits: HashMap<Uuid, &Commit> = commits.collect();
    for handling in all.iter().flatten() {
        let Handling::Nothing(handled) = handling else {
            continue;
        };
        let (id, said, place) = (handled.command, &handled.outcome, handling.place());
        let before = first.entry(id).or_insert(handled);
        if before.outcome != *said {
            let text = format!(
                "command {id} came to {} first, then to {said}: {place}",
                before.outcome
            );
            found.push(Violation::new(Kind::Answers, text));
        }
        match outcome(said).as_deref() {
            Some("done") => {
                let truth = commits.get(&id).map(|commit| receipt_of(commit));
                if truth.is_none() || done(said) != truth {
                    let text = format!("it says {said}, true is {truth:?}: {place}");
                    found.push(Violation::new(Kind::Receipt, text));
                }
            }
            Some("rejected" | "conflict") | None => {}
            Some(_) => {
                let text = format!("no command is to come to {said}: {place}");
                found.push(Violation::new(Kind::Failed, text));
            }
        }
    }
    found
}

/// The receipt in an outcome.
fn done(json: &str) -> Option<Receipt> {
    let outcome: serde_json::Value = serde_json::from_str(json).ok()?;
    serde_json::from_value(outcome.get("done")?.clone()).ok()
}

/// What is true of a commit.
pub(super) fn receipt_of(commit: &Commit) -> Receipt {
    let last = &commit[commit.len() - 1];
    Receipt {
        partition: last.partition,
        sequence: last.sequence,
        version: last.version,
        events: u32::try_from(commit.len()).unwrap_or(u32::MAX),
    }
}

/// Offsets of commands ascend.
fn order(handlings: &[Handling<'_>]) -> Vec<Violation> {
    let mut newest: Option<(u64, Handling<'_>)> = None;
    let mut found = Vec::new();
    for handling in handlings {
        let Some(offset) = handling.command_offset() else {
            continue;
        };
        match newest {
            Some((before, earlier)) if offset <= before => {
                let kind = if offset == before {
                    Kind::Doubled
                } else {
                    Kind::Reordered
                };
                let (earlier, later) = (earlier.place(), handling.place());
                let text =
                    format!("command {offset} at {later} comes behind {before} at {earlier}");
                found.push(Violation::new(kind, text));
            }
            _ => newest = Some((offset, *handling)),
        }
    }
    found
}

/// A command without events leaves its account's version as it was.
fn versions(handlings: &[Handling<'_>]) -> Vec<Violation> {
    let mut versions: HashMap<&str, u64> = HashMap::new();
    let mut found = Vec::new();
    for handling in handlings {
        match handling {
            Handling::Events(commit) => {
                let last = &commit[commit.len() - 1];
                versions.insert(handling.account(), last.version);
            }
            Handling::Nothing(handled) => {
                let version = versions.get(handling.account()).copied().unwrap_or(0);
                if handled.version != version {
                    let (told, place) = (handled.version, handling.place());
                    let text = format!("version {told} where {version} is: {place}");
                    found.push(Violation::new(Kind::Version, text));
                }
            }
        }
    }
    found
}

/// What was handled without events was asked for, and can be read. Of events, the history's own
/// judgement asks.
fn strangers(handlings: &[Handling<'_>], history: &[Asked], partitions: u32) -> Vec<Violation> {
    let ids: HashSet<Uuid> = history.iter().filter_map(|asked| asked.id).collect();
    let mut found = Vec::new();
    for handling in handlings {
        let Handling::Nothing(handled) = handling else {
            continue;
        };
        let place = handling.place();
        if outcome(&handled.outcome).is_none() {
            let text = format!(
                "an outcome that can't be read: {place}: {}",
                handled.outcome
            );
            found.push(Violation::new(Kind::Damage, text));
        }
        if partition_of(handled.account.as_bytes(), partitions) != handled.partition {
            let text = format!("in a partition of others: {place}");
            found.push(Violation::new(Kind::Forged, text));
        }
        if handled.command_offset.is_none() && !ids.contains(&handled.command) {
            let text = format!("nobody asked for command {}: {place}", handled.command);
            found.push(Violation::new(Kind::Forged, text));
        }
    }
    found
}

/// Below the newest command that was handled, all were.
fn passed_over(handlings: &[Handling<'_>], commands: &[Routed]) -> Vec<Violation> {
    let handled = offsets(handlings);
    let newest = handled.iter().max().copied();
    commands
        .iter()
        .filter(|it| newest.is_some_and(|newest| it.offset < newest))
        .filter(|it| !handled.contains(&it.offset))
        .map(|it| {
            let newest = newest.unwrap_or_default();
            let text = format!("{} was not handled, but {newest} was", name(it));
            Violation::new(Kind::PassedOver, text)
        })
        .collect()
}

/// The commands that left nothing in the log yet.
pub fn unhandled<'a>(logs: &[PartitionLog], commands: &'a [Vec<Routed>]) -> Vec<&'a Routed> {
    let waiting = |(log, commands): (&PartitionLog, &'a Vec<Routed>)| {
        let handled = offsets(&Handling::all(log));
        commands
            .iter()
            .filter(move |it| !handled.contains(&it.offset))
    };
    logs.iter().zip(commands).flat_map(waiting).collect()
}

fn offsets(handlings: &[Handling<'_>]) -> HashSet<u64> {
    handlings
        .iter()
        .filter_map(Handling::command_offset)
        .collect()
}

/// What is said to come of a command of the topic came of that command.
fn origins(handlings: &[Handling<'_>], commands: &[Routed]) -> Vec<Violation> {
    let commands: BTreeMap<u64, &Routed> = commands.iter().map(|it| (it.offset, it)).collect();
    let forged = |handling: &Handling<'_>| {
        let offset = handling.command_offset()?;
        let text = match commands.get(&offset) {
            None => format!("no command {offset} is behind {}", handling.place()),
            Some(it) if !is_of(handling, it) => {
                format!("not what {} asked for: {}", name(it), handling.place())
            }
            Some(_) => return None,
        };
        Some(Violation::new(Kind::Forged, text))
    };
    handlings.iter().filter_map(forged).collect()
}

fn is_of(handling: &Handling<'_>, command: &Routed) -> bool {
    let same = handling.command() == command.command && handling.account() == command.account;
    same && match handling {
        Handling::Nothing(_) => true,
        Handling::Events(commit) => {
            let of_one = |fact: &super::Fact| {
                fact.event.order == command.order
                    && fact.command == command.command
                    && fact.command_offset == Some(command.offset)
            };
            commit.iter().all(of_one) && changes(commit) == wanted(&command.wish)
        }
    }
}

/// What a commit changes, event by event.
pub(super) fn changes(commit: &Commit) -> Vec<i64> {
    commit.iter().map(|fact| fact.event.change).collect()
}

/// What a command is to change, event by event.
pub(super) fn wanted(wish: &Order) -> Vec<i64> {
    match wish {
        Order::Deposit(amount) => vec![*amount],
        Order::Withdraw(amount) => vec![-amount],
        Order::Split(amounts) => amounts.clone(),
    }
}

/// What stands in the topic is what a client sent there.
fn asked_for(history: &[Asked], commands: &[Vec<Routed>], partitions: u32) -> Vec<Violation> {
    let asked: HashMap<&str, &Asked> = history.iter().map(|it| (&*it.order, it)).collect();
    let sent = |it: &Routed| {
        partition_of(it.account.as_bytes(), partitions) == it.partition
            && asked.get(&*it.order).is_some_and(|asked| {
                asked.account == it.account
                    && asked.command == it.wish
                    && asked.id.is_none_or(|id| id == it.command)
            })
    };
    let strange = commands.iter().flatten().filter(|it| !sent(it));
    strange
        .map(|it| Violation::new(Kind::Forged, format!("nobody asked for {}", name(it))))
        .collect()
}

/// What was acknowledged as submitted is in the topic, and was handled.
fn submissions(
    history: &[Asked],
    all: &[Vec<Handling<'_>>],
    commands: &[Vec<Routed>],
) -> Vec<Violation> {
    let handled: Vec<HashSet<u64>> = all.iter().map(|it| offsets(it)).collect();
    let mut sent: HashMap<&str, Vec<&Routed>> = HashMap::new();
    for command in commands.iter().flatten() {
        sent.entry(&command.order).or_default().push(command);
    }
    let mut found = Vec::new();
    for (line, asked) in (1..).zip(history) {
        let told = |attempt: &crate::history::Attempt| attempt.answer == Answer::Submitted;
        let told = asked.attempts.iter().filter(|it| told(it)).count();
        let sent = sent.get(&*asked.order).map_or(&[][..], Vec::as_slice);
        let who = format!("{} (line {line} of the history)", asked.order);
        if sent.len() < told {
            let text = format!(
                "{who} was submitted {told} times, and is in the topic {}",
                sent.len()
            );
            found.push(Violation::new(Kind::Lost, text));
        }
        let waits = |it: &&&Routed| !handled[it.partition as usize].contains(&it.offset);
        for command in sent.iter().filter(|_| told > 0).filter(waits) {
            let text = format!("{who} was submitted: {} was never handled", name(command));
            found.push(Violation::new(Kind::Lost, text));
        }
    }
    found
}

fn name(it: &Routed) -> String {
    let Routed {
        partition,
        offset,
        order,
        ..
    } = it;
    format!("command {offset} of partition {partition} ({order})")
}

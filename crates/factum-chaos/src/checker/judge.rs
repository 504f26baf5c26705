//! The clients' history against the facts of the log.

use std::collections::{BTreeMap, HashMap};

use super::handling::Handling;
use super::order::{Placed, overtaking};
use super::partition::partition_of;
use super::routed::{changes, judge_routed, receipt_of, wanted};
use super::{Commit, Fact, Kind, PartitionLog, Routed, Violation};
use crate::history::{Asked, Attempt};
use crate::wire::{Answer, Receipt};

/// What became of a command, by the answers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It took effect once, there.
    Done(Receipt),
    /// It did not take effect.
    Refused,
    /// It stands in the topic of commands, and is handled once, whatever comes of it.
    Submitted,
    /// It took effect once or not at all.
    Open,
}

/// What a command's attempts come to: the first answer that tells decides, for later ones have to be
/// the same. Whoever rejects a command, or finds another version than it
/// expects, has looked for its id in everything that is a fact: so it does not take effect, whatever
/// became of earlier attempts. Any other refusal speaks of its own attempt only.
pub fn fate(attempts: &[Attempt]) -> Fate {
    let any = |answer| attempts.iter().any(|it| it.answer == answer);
    match told(attempts).next() {
        Some(Answer::Done(receipt)) => Fate::Done(*receipt),
        Some(_) => Fate::Refused,
        None if any(Answer::Submitted) => Fate::Submitted,
        None if any(Answer::Unknown) => Fate::Open,
        None => Fate::Refused,
    }
}

/// The answers that say what became of the command.
fn told(attempts: &[Attempt]) -> impl Iterator<Item = &Answer> {
    let answers = attempts.iter().map(|it| &it.answer);
    answers.filter(|it| matches!(it, Answer::Done(_) | Answer::Rejected | Answer::Conflict(_)))
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What must not be; nothing if all is well.
    pub violations: Vec<Violation>,
    /// What was weighed.
    pub figures: Figures,
}

/// What was weighed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Figures {
    /// Commands.
    pub commands: u64,
    /// Commands that were acknowledged.
    pub acknowledged: u64,
    /// Commands that were refused for certain.
    pub refused: u64,
    /// Commands whose clients heard that they stand in the topic, and no more.
    pub submitted: u64,
    /// Commands whose clients were never told, and that took effect.
    pub open_there: u64,
    /// Commands whose clients were never told, and that did not.
    pub open_absent: u64,
    /// Attempts, by the way they were sent.
    pub attempts: BTreeMap<&'static str, u64>,
    /// Commands that took more than one attempt.
    pub repeated: u64,
    /// Valid events.
    pub events: u64,
    /// Valid records of commands without events.
    pub handled: u64,
    /// Commands that came through the topic and were handled.
    pub routed: u64,
    /// Times that a partition was claimed.
    pub claims: u64,
    /// Records without effect, by reason.
    pub voids: BTreeMap<&'static str, u64>,
}

/// Weighs the history against all partitions of the topic, and against those of the topic of
/// commands where there is one.
pub fn judge(
    history: &[Asked],
    partitions: &[PartitionLog],
    commands: Option<&[Vec<Routed>]>,
) -> Verdict {
    let mut judge = Judge::default();
    let count = u32::try_from(partitions.len()).unwrap_or(u32::MAX);
    let by_order: HashMap<&str, (usize, &Asked)> = (1..)
        .zip(history)
        .map(|(line, asked)| (&*asked.order, (line, asked)))
        .collect();
    for log in partitions {
        judge.partition(log, count);
        for commit in &log.commits {
            judge.origin(commit, &by_order);
        }
    }
    let mut found: HashMap<&str, Vec<&Commit>> = HashMap::new();
    for commit in partitions.iter().flat_map(|log| &log.commits) {
        found
            .entry(&commit[0].event.order)
            .or_default()
            .push(commit);
    }
    for (line, asked) in (1..).zip(history) {
        let commits = found.get(&*asked.order).map_or(&[][..], Vec::as_slice);
        judge.command(line, asked, commits);
    }
    judge.order(history, &found);
    let routed = judge_routed(history, partitions, commands);
    judge.0.violations.extend(routed);
    judge.0
}

#[derive(Default)]
struct Judge(Verdict);

impl Judge {
    fn find(&mut self, kind: Kind, text: String) {
        self.0.violations.push(Violation::new(kind, text));
    }

    /// What holds in a log whatever was asked: versions, states, places.
    fn partition(&mut self, log: &PartitionLog, partitions: u32) {
        self.0.violations.extend(log.violations.iter().cloned());
        self.0.figures.claims += log.epoch;
        for (why, count) in &log.voids {
            *self.0.figures.voids.entry(why).or_default() += count;
        }
        let routed = |it: &Handling<'_>| it.command_offset().is_some();
        let routed = Handling::all(log).into_iter().filter(routed).count();
        self.0.figures.routed += routed as u64;
        self.0.figures.handled += log.handled.len() as u64;
        let mut accounts: HashMap<&str, (u64, i64)> = HashMap::new();
        for fact in log.commits.iter().flatten() {
            self.0.figures.events += 1;
            let (version, balance) = accounts.entry(&fact.account).or_default();
            (*version, *balance) = (*version + 1, *balance + fact.event.change);
            if fact.version != *version {
                let text = format!(
                    "version {} where {version} was next: {}",
                    fact.version,
                    place(fact)
                );
                self.find(Kind::Version, text);
                *version = fact.version;
            }
            if fact.event.balance != *balance || *balance < 0 {
                let (said, text) = (fact.event.balance, place(fact));
                self.find(
                    Kind::State,
                    format!("decided as if {said} came of {balance}: {text}"),
                );
                *balance = fact.event.balance;
            }
            if partition_of(fact.account.as_bytes(), partitions) != fact.partition {
                self.find(
                    Kind::Forged,
                    format!("in a partition of others: {}", place(fact)),
                );
            }
        }
    }

    /// Whether a commit is what a client asked for.
    fn origin(&mut self, commit: &Commit, by_order: &HashMap<&str, (usize, &Asked)>) {
        let first = &commit[0];
        let Some((line, asked)) = by_order.get(&*first.event.order) else {
            return self.find(Kind::Forged, format!("nobody asked for {}", place(first)));
        };
        let changes = changes(commit);
        let one = commit.iter().all(|fact| {
            fact.event.order == asked.order
                && fact.account == asked.account
                && asked.id.is_none_or(|id| id == fact.command)
        });
        if !one || changes != wanted(&asked.command) {
            let text = format!(
                "not what {} asked for: {changes:?} at {}",
                line_of(*line, asked),
                place(first)
            );
            self.find(Kind::Forged, text);
        }
        if asked
            .expected
            .is_some_and(|expected| expected + 1 != first.version)
        {
            let text = format!(
                "{} found another version: {}",
                line_of(*line, asked),
                place(first)
            );
            self.find(Kind::Expected, text);
        }
    }

    fn command(&mut self, line: usize, asked: &Asked, commits: &[&Commit]) {
        self.count(asked, commits);
        let places: Vec<String> = commits.iter().map(|commit| place(&commit[0])).collect();
        let text = format!("{}: {}", line_of(line, asked), places.join(" and "));
        if commits.len() > 1 {
            self.find(Kind::Doubled, text.clone());
        }
        match (fate(&asked.attempts), commits.first()) {
            (Fate::Done(_), None) => self.find(Kind::Lost, format!("{text}is nowhere")),
            (Fate::Done(receipt), Some(commit)) => self.receipt(receipt, commit, &text),
            (Fate::Refused, Some(_)) => self.find(Kind::Refused, text.clone()),
            (Fate::Refused, None) | (Fate::Submitted | Fate::Open, _) => {}
        }
        let mut told = told(&asked.attempts);
        let first = told.next();
        if let Some(other) = told.find(|it| Some(*it) != first) {
            let text = format!("{text} was told {first:?} first, then {other:?}");
            self.find(Kind::Answers, text);
        }
        for attempt in &asked.attempts {
            if let Answer::Failed(why) = &attempt.answer {
                self.find(Kind::Failed, format!("{}: {why}", line_of(line, asked)));
            }
        }
    }

    fn count(&mut self, asked: &Asked, commits: &[&Commit]) {
        let figures = &mut self.0.figures;
        figures.commands += 1;
        figures.repeated += u64::from(asked.attempts.len() > 1);
        for attempt in &asked.attempts {
            *figures.attempts.entry(attempt.way.name()).or_default() += 1;
        }
        match (fate(&asked.attempts), commits.is_empty()) {
            (Fate::Done(_), _) => figures.acknowledged += 1,
            (Fate::Refused, _) => figures.refused += 1,
            (Fate::Submitted, _) => figures.submitted += 1,
            (Fate::Open, false) => figures.open_there += 1,
            (Fate::Open, true) => figures.open_absent += 1,
        }
    }

    fn receipt(&mut self, receipt: Receipt, commit: &Commit, text: &str) {
        let truth = receipt_of(commit);
        if receipt != truth {
            self.find(
                Kind::Receipt,
                format!("{text} was told {receipt:?}, true is {truth:?}"),
            );
        }
    }

    /// Whether whatever was acknowledged before a command was first sent stands before it.
    fn order(&mut self, history: &[Asked], found: &HashMap<&str, Vec<&Commit>>) {
        let mut partitions: BTreeMap<u32, Vec<Placed<'_>>> = BTreeMap::new();
        for (line, asked) in (1..).zip(history) {
            let told = matches!(fate(&asked.attempts), Fate::Done(_));
            let commit = found.get(&*asked.order).and_then(|commits| commits.first());
            if let Some(it) = commit.and_then(|commit| Placed::new(line, asked, commit, told)) {
                partitions.entry(it.fact.partition).or_default().push(it);
            }
        }
        let overtaken = partitions.into_values().flat_map(overtaking);
        for (earlier, later) in overtaken {
            let name =
                |it: Placed<'_>| format!("{} at {}", line_of(it.line, it.asked), place(it.fact));
            let text = format!(
                "{} was acknowledged before {} was sent",
                name(earlier),
                name(later)
            );
            self.find(Kind::Reordered, text);
        }
    }
}

fn place(fact: &Fact) -> String {
    format!(
        "partition {} offset {} (sequence {}, {} version {}, {})",
        fact.partition, fact.offset, fact.sequence, fact.account, fact.version, fact.event.order
    )
}

fn line_of(line: usize, asked: &Asked) -> String {
    format!("{} (line {line} of the history)", asked.order)
}

//! What clients were told, against what the log says.

use std::collections::BTreeMap;

use factum_core::partition_of;
use factum_engine::Receipt;

use crate::account::{Account, Ask};
use crate::answers;
use crate::facts::{Commit, Facts};
use crate::history::{Answer, Asked};

/// What the promises depend on.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// How many partitions there are.
    pub partitions: u32,
    /// Whether commands are routed.
    pub routed: bool,
    /// Whether command ids are forgotten while they may come again. What does so is a new command.
    pub forgetful: bool,
}

/// Everything that breaks a promise.
pub fn judge(history: &[Asked], facts: &Facts, setup: Setup, violations: &mut Vec<String>) {
    let mut by_order: BTreeMap<u64, Vec<&Commit>> = BTreeMap::new();
    for commit in &facts.commits {
        by_order.entry(commit.order).or_default().push(commit);
    }
    if let Some((order, _)) = by_order.range(history.len() as u64..).next() {
        violations.push(format!("nobody asked for order {order}"));
    }
    let none = Vec::new();
    for asked in history {
        let commits = by_order.get(&asked.order).unwrap_or(&none);
        let found = Judged {
            asked,
            commits,
            facts,
            setup,
        };
        violations.extend(found.violations());
    }
    violations.extend(overtaking(history, facts, setup));
    if setup.routed {
        violations.extend(answers::judge(history, facts, setup.forgetful));
    }
}

struct Judged<'a> {
    asked: &'a Asked,
    commits: &'a [&'a Commit],
    facts: &'a Facts,
    setup: Setup,
}

impl Judged<'_> {
    fn violations(&self) -> Vec<String> {
        let mut violations: Vec<_> = self.effect().into_iter().collect();
        violations.extend(self.commits.iter().filter_map(|commit| self.misfit(commit)));
        let attempts = self.asked.attempts.iter();
        violations.extend(attempts.filter_map(|it| self.answer(&it.answer)));
        let asked = self.asked;
        violations
            .into_iter()
            .map(|what| format!("{what}: {asked:?}, {:?}", self.commits))
            .collect()
    }

    /// Whether it took effect as often as the answers say.
    fn effect(&self) -> Option<String> {
        let answers = || self.asked.attempts.iter().map(|it| it.answer);
        let done = answers().any(|it| matches!(it, Answer::Done(receipt) if receipt.events > 0));
        let open = answers().any(|it| matches!(it, Answer::Submitted(_) | Answer::Unheard));
        // Who was told that nobody knows, and asks again, is told what holds.
        let last = answers().rfind(|it| !matches!(it, Answer::Refused));
        let settled = last.is_some_and(|it| it.is_final());
        let open = open || !settled && answers().any(|it| it == Answer::Unknown);
        // A client that gave up at last without an answer does not write it down.
        let open = open || self.asked.attempts.is_empty() || self.setup.forgetful;
        match self.commits.len() {
            0 if done => Some("acknowledged, and absent".into()),
            1 if !done && !open => Some("refused, and there".into()),
            0 | 1 => None,
            _ if self.setup.forgetful => None,
            _ => Some("took effect twice".into()),
        }
    }

    /// Whether a commit is what was asked for.
    fn misfit(&self, commit: &Commit) -> Option<String> {
        let asked = self.asked;
        let amounts = match &asked.ask {
            Ask::Deposit(amounts) => amounts.clone(),
            Ask::Withdraw(amount) => vec![-amount],
            Ask::Nothing | Ask::Look => Vec::new(),
        };
        let known = asked.command.is_none_or(|id| id == commit.command);
        let home = partition_of(asked.id.as_bytes(), self.setup.partitions);
        if commit.id != asked.id || commit.amounts != amounts || !known || commit.partition != home
        {
            return Some("not what was asked for".into());
        }
        let expected = asked
            .expected
            .is_none_or(|version| version == commit.before);
        (!expected).then(|| "not at the version that was expected".into())
    }

    /// Whether an answer is true.
    fn answer(&self, answer: &Answer) -> Option<String> {
        let states = self.facts.states.get(&self.asked.id);
        let first = [Account::default()];
        let states = states.map_or(&first[..], Vec::as_slice);
        match answer {
            Answer::Done(receipt) if receipt.events > 0 => self.receipt(receipt),
            Answer::Done(receipt) if self.asked.ask != Ask::Nothing => {
                Some(format!("nothing was done, {receipt:?}"))
            }
            Answer::Done(receipt) => ((receipt.version as usize) >= states.len())
                .then(|| "done at a version that never was".into()),
            Answer::Rejected(seen) => {
                let was = states.get(seen.version as usize) == Some(seen);
                (!was).then(|| "rejected on a state that never was".into())
            }
            Answer::Conflict(actual) => {
                let was = (*actual as usize) < states.len() && Some(*actual) != self.asked.expected;
                (!was).then(|| "a conflict with what never was".into())
            }
            Answer::Forgotten if !self.setup.forgetful => Some("forgotten too soon".into()),
            Answer::Submitted(_)
            | Answer::Refused
            | Answer::Unknown
            | Answer::Unheard
            | Answer::Forgotten => None,
            Answer::Strange => Some("a strange answer".into()),
        }
    }

    fn receipt(&self, receipt: &Receipt) -> Option<String> {
        let holds = |commit: &&&Commit| {
            receipt.partition == commit.partition
                && receipt.sequence == commit.sequence
                && receipt.version == commit.version
                && receipt.events as usize == commit.amounts.len()
                && receipt.command == commit.command
        };
        let found = self.commits.iter().find(holds).is_some();
        (!found).then(|| "a false receipt".into())
    }
}

/// Answers that do not know of what was told before they were asked for.
fn overtaking(history: &[Asked], facts: &Facts, setup: Setup) -> Vec<String> {
    let commits: BTreeMap<u64, &Commit> = facts.commits.iter().map(|it| (it.order, it)).collect();
    let mut told = Told::default();
    let mut violations = Vec::new();
    for (_, asked, attempt, sent) in moments(history) {
        let partition = partition_of(asked.id.as_bytes(), setup.partitions);
        if sent {
            told.sent(asked, attempt, partition);
            continue;
        }
        let (order, commit) = (asked.order, commits.get(&asked.order));
        match asked.attempts[attempt].answer {
            Answer::Done(receipt) if receipt.events > 0 => {
                let known = told.before.get(&(order, 0)).map_or(0, |it| it.sequence);
                if commit.is_some_and(|commit| commit.sequence <= known) {
                    violations.push(format!("it stands before {known}: {asked:?}"));
                }
                told.learn(asked, partition, receipt.version, receipt.sequence);
            }
            answer => {
                let Some(version) = rests_on(&answer) else {
                    continue;
                };
                // Where commands are routed, the first answer is given again.
                let first = match setup.routed && asked.command.is_some() {
                    true => 0,
                    false => attempt,
                };
                let known = told.before.get(&(order, first)).map_or(0, |it| it.version);
                if version < known {
                    violations.push(format!(
                        "answered on {version}, {known} was told: {asked:?}"
                    ));
                }
                told.learn(asked, partition, version, 0);
            }
        }
    }
    violations
}

/// Every attempt of every command, at the moment when it was sent, and when it was answered.
fn moments(history: &[Asked]) -> Vec<(u64, &Asked, usize, bool)> {
    let mut moments = Vec::new();
    for asked in history {
        for (attempt, it) in asked.attempts.iter().enumerate() {
            moments.push((it.sent, asked, attempt, true));
            moments.push((it.answered, asked, attempt, false));
        }
    }
    moments.sort_by_key(|(at, ..)| *at);
    moments
}

/// What clients were told so far.
#[derive(Default)]
struct Told<'a> {
    versions: BTreeMap<&'a str, u64>,
    sequences: BTreeMap<u32, u64>,
    /// What of that was known when an attempt was sent.
    before: BTreeMap<(u64, usize), Known>,
}

struct Known {
    version: u64,
    sequence: u64,
}

impl<'a> Told<'a> {
    fn sent(&mut self, asked: &Asked, attempt: usize, partition: u32) {
        let known = Known {
            version: self.versions.get(&*asked.id).copied().unwrap_or(0),
            sequence: self.sequences.get(&partition).copied().unwrap_or(0),
        };
        self.before.insert((asked.order, attempt), known);
    }

    fn learn(&mut self, asked: &'a Asked, partition: u32, version: u64, sequence: u64) {
        let known = self.versions.entry(&asked.id).or_default();
        *known = (*known).max(version);
        let known = self.sequences.entry(partition).or_default();
        *known = (*known).max(sequence);
    }
}

/// The version on which an answer rests that appended nothing.
fn rests_on(answer: &Answer) -> Option<u64> {
    match answer {
        Answer::Done(receipt) => Some(receipt.version),
        Answer::Rejected(seen) => Some(seen.version),
        Answer::Conflict(actual) => Some(*actual),
        Answer::Submitted(_)
        | Answer::Refused
        | Answer::Unknown
        | Answer::Unheard
        | Answer::Forgotten
        | Answer::Strange => None,
    }
}

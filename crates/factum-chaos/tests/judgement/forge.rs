//! A recorded run that can be changed, and is written anew as bytes: with sequences, versions and
//! balances that fit, so that nothing but the change itself can give it away.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use factum_chaos::checker::{
    Commit, Fact, Figures, Handled, Kind, RawRecord, Row, Violation, by_partition, compare, fold,
    judge, read_commands, read_partition,
};
use factum_chaos::history::{Asked, Attempt, lines};
use factum_chaos::wire::{Answer, Receipt, Way};
use uuid::Uuid;

/// The partition that was recorded, the last one of its topic.
pub const PARTITION: u32 = 5;

pub struct Recording {
    pub history: Vec<Asked>,
    pub records: Vec<RawRecord>,
    pub commits: Vec<Commit>,
    /// Commands without events, each with the number of commits that stand before it.
    pub handled: Vec<(usize, Handled)>,
    /// The topic of commands, if there is one.
    pub commands: Option<Vec<RawRecord>>,
    pub rows: Vec<Row>,
    pub partitions: u32,
    /// Leave out a version in the middle.
    pub skip_a_version: bool,
    /// Write down a balance that is not the sum.
    pub wrong_balance: bool,
}

impl Recording {
    pub fn load() -> Self {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judgement/recording");
        let records: Vec<RawRecord> = lines(&dir.join("log.jsonl")).unwrap();
        let partitions = PARTITION + 1;
        let mut it = Self {
            history: lines(&dir.join("history.jsonl")).unwrap(),
            commits: read_partition(&records, partitions).commits,
            handled: Vec::new(),
            commands: None,
            rows: lines(&dir.join("rows.jsonl")).unwrap(),
            records,
            partitions,
            skip_a_version: false,
            wrong_balance: false,
        };
        it.commits = it.numbered();
        it
    }

    pub fn asked(&self, commit: &Commit) -> &Asked {
        let order = &commit[0].event.order;
        self.history
            .iter()
            .find(|asked| asked.order == *order)
            .unwrap()
    }

    pub fn asked_mut(&mut self, commit: &Commit) -> &mut Asked {
        let order = &commit[0].event.order;
        self.history
            .iter_mut()
            .find(|asked| asked.order == *order)
            .unwrap()
    }

    /// Lets the command of a commit have been answered otherwise.
    pub fn answer(&mut self, commit: &Commit, answers: &[Answer]) {
        let attempt = |answer: &Answer| Attempt {
            way: Way::Node,
            node: Some(0),
            begin: 0,
            answer: answer.clone(),
        };
        self.asked_mut(commit).attempts = answers.iter().map(attempt).collect();
    }

    /// After a change of the commits: numbers them anew, and lets receipts and rows tell of that.
    pub fn retell(&mut self) {
        self.commits = self.numbered();
        let mut receipts = HashMap::new();
        for commit in &self.commits {
            let last = commit.last().unwrap();
            let receipt = Receipt {
                partition: PARTITION,
                sequence: last.sequence,
                version: last.version,
                events: commit.len() as u32,
            };
            receipts.entry(last.event.order.clone()).or_insert(receipt);
        }
        for asked in &mut self.history {
            let answer = asked.attempts.last_mut().map(|attempt| &mut attempt.answer);
            if let (Some(Answer::Done(old)), Some(new)) = (answer, receipts.get(&asked.order)) {
                *old = *new;
            }
        }
        self.rows = fold(self.commits.iter().flatten()).into_values().collect();
    }

    /// The commits, with sequences, versions and balances in their order.
    fn numbered(&self) -> Vec<Commit> {
        let (mut sequence, mut accounts) = (0, HashMap::<String, (u64, i64)>::new());
        let handled_before = |at| self.handled.iter().filter(|it| it.0 <= at).count() as u64;
        let number = |fact: &Fact| {
            let (version, balance) = accounts.entry(fact.account.clone()).or_default();
            (sequence, *version, *balance) =
                (sequence + 1, *version + 1, *balance + fact.event.change);
            let mut fact = fact.clone();
            (fact.sequence, fact.version, fact.event.balance) = (sequence, *version, *balance);
            fact
        };
        let mut number = number;
        let mut commits: Vec<Commit> = self
            .commits
            .iter()
            .map(|commit| commit.iter().map(&mut number).collect())
            .collect();
        for (at, commit) in commits.iter_mut().enumerate() {
            let more = handled_before(at);
            commit.iter_mut().for_each(|fact| fact.sequence += more);
        }
        commits
    }

    /// The version that an account has once so many commits are there.
    pub fn version(&self, account: &str, commits: usize) -> u64 {
        let before = self.commits[..commits].iter().flatten();
        before.filter(|fact| fact.account == account).count() as u64
    }

    /// The commits as records, after one claim.
    pub fn encoded(&self) -> Vec<RawRecord> {
        let mut records = vec![self.claim(1, 1, self.partitions)];
        let middle = self.commits.len() / 2;
        let mut sequence = 0;
        let mut handled = self.handled.iter().peekable();
        for (at, commit) in self.numbered().iter().enumerate() {
            while let Some((_, it)) = handled.next_if(|it| it.0 <= at) {
                sequence += 1;
                records.push(nothing(it, sequence));
            }
            sequence += commit.len() as u64;
            for (index, fact) in commit.iter().enumerate() {
                let mut fact = fact.clone();
                fact.version += u64::from(self.skip_a_version && at > middle);
                fact.event.balance += i64::from(self.wrong_balance && at == middle);
                records.push(event(&fact, index, commit.len()));
            }
        }
        let rest = handled.zip(sequence + 1..);
        records.extend(rest.map(|((_, it), sequence)| nothing(it, sequence)));
        records
    }

    pub fn claim(&self, epoch: u64, floor: u64, partitions: u32) -> RawRecord {
        let mut header = vec![1, 2];
        number(&mut header, epoch);
        header.extend([9; 16]);
        number(&mut header, floor);
        number(&mut header, partitions.into());
        record(Vec::new(), header, Vec::new())
    }

    /// What is wrong with the recording, written anew.
    pub fn kinds(&self) -> BTreeSet<Kind> {
        kinds(&self.judge(self.encoded()).0)
    }

    /// What is wrong with the records as they are.
    pub fn kinds_of_records(&self) -> BTreeSet<Kind> {
        kinds(&self.judge_raw().0)
    }

    pub fn judge_raw(&self) -> (Vec<Violation>, Figures) {
        self.judge(self.records.clone())
    }

    fn judge(&self, mut records: Vec<RawRecord>) -> (Vec<Violation>, Figures) {
        for (offset, record) in (0..).zip(&mut records) {
            record.offset = offset;
        }
        let records = by_partition(records, self.partitions);
        let logs: Vec<_> = records
            .iter()
            .map(|it| read_partition(it, self.partitions))
            .collect();
        let commands = self.commands.clone();
        let commands = commands.map(|it| by_partition(it, self.partitions));
        let read = commands.map(|it| it.iter().map(|it| read_commands(it)).unzip());
        let (commands, damage): (Option<Vec<_>>, Option<Vec<_>>) = read.unzip();
        let mut verdict = judge(&self.history, &logs, commands.as_deref());
        verdict
            .violations
            .extend(damage.into_iter().flatten().flatten());
        let expected = fold(logs.iter().flat_map(|log| log.commits.iter().flatten()));
        verdict.violations.extend(compare(&expected, &self.rows));
        (verdict.violations, verdict.figures)
    }
}

fn kinds(violations: &[Violation]) -> BTreeSet<Kind> {
    violations.iter().map(|it| it.kind).collect()
}

pub fn record(key: Vec<u8>, header: Vec<u8>, value: Vec<u8>) -> RawRecord {
    RawRecord {
        partition: PARTITION,
        offset: 0,
        key,
        header: Some(header),
        value,
    }
}

fn event(fact: &Fact, index: usize, size: usize) -> RawRecord {
    let parts = [fact.sequence, fact.version, index as u64, size as u64];
    let header = header(1, parts, fact.command, fact.command_offset);
    let schema: u64 = if fact.event.change < 0 {
        0x0f46_d862_4973_1ebb
    } else {
        0x8297_8d0b_9189_0d1e
    };
    let mut value = framed(schema, &fact.event.order);
    long(&mut value, fact.event.change.abs());
    long(&mut value, fact.event.balance);
    record(fact.account.clone().into_bytes(), header, value)
}

fn nothing(it: &Handled, sequence: u64) -> RawRecord {
    let parts = [sequence, it.version, 0, 1];
    let header = header(3, parts, it.command, it.command_offset);
    let value = framed(0x1e89_fa03_ae4e_aff2, &it.outcome);
    record(it.account.clone().into_bytes(), header, value)
}

/// A header of epoch 1 with its sequence, version, index and size, and with a trace.
fn header(kind: u8, parts: [u64; 4], command: Uuid, offset: Option<u64>) -> Vec<u8> {
    let mut header = vec![1, kind, 16 | u8::from(offset.is_some())];
    number(&mut header, 1);
    parts.iter().for_each(|part| number(&mut header, *part));
    header.extend([0; 8]);
    header.extend(command.as_bytes());
    offset.into_iter().for_each(|it| number(&mut header, it));
    header.extend([7; 25]);
    header
}

/// A value in single-object encoding that begins with a string.
fn framed(schema: u64, text: &str) -> Vec<u8> {
    let mut value = vec![0xc3, 1];
    value.extend(schema.to_le_bytes());
    long(&mut value, text.len() as i64);
    value.extend(text.as_bytes());
    value
}

/// A zigzag number.
fn long(out: &mut Vec<u8>, it: i64) {
    number(out, ((it << 1) ^ (it >> 63)) as u64);
}

/// An unsigned LEB128 number.
fn number(out: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

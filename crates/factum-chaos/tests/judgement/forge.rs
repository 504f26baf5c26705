//! A recorded run that can be changed, and is written anew as bytes: with sequences, versions and
//! balances that fit, so that nothing but the change itself can give it away.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use factum_chaos::checker::{
    Commit, Fact, Figures, Kind, RawRecord, Row, Violation, by_partition, compare, fold, judge,
    read_partition,
};
use factum_chaos::history::{Asked, Attempt, lines};
use factum_chaos::wire::{Answer, Receipt};

/// The partition that was recorded, the last one of its topic.
const PARTITION: u32 = 5;

pub struct Recording {
    pub history: Vec<Asked>,
    pub records: Vec<RawRecord>,
    pub commits: Vec<Commit>,
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
            node: 0,
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
        let number = |fact: &Fact| {
            let (version, balance) = accounts.entry(fact.account.clone()).or_default();
            (sequence, *version, *balance) =
                (sequence + 1, *version + 1, *balance + fact.event.change);
            let mut fact = fact.clone();
            (fact.sequence, fact.version, fact.event.balance) = (sequence, *version, *balance);
            fact
        };
        let mut number = number;
        self.commits
            .iter()
            .map(|commit| commit.iter().map(&mut number).collect())
            .collect()
    }

    /// The commits as records, after one claim.
    pub fn encoded(&self) -> Vec<RawRecord> {
        let mut records = vec![self.claim(1, 1, self.partitions)];
        let middle = self.commits.len() / 2;
        for (at, commit) in self.numbered().iter().enumerate() {
            for (index, fact) in commit.iter().enumerate() {
                let mut fact = fact.clone();
                fact.version += u64::from(self.skip_a_version && at > middle);
                fact.event.balance += i64::from(self.wrong_balance && at == middle);
                records.push(event(&fact, index, commit.len()));
            }
        }
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
        let mut verdict = judge(&self.history, &logs);
        let expected = fold(logs.iter().flat_map(|log| log.commits.iter().flatten()));
        verdict.violations.extend(compare(&expected, &self.rows));
        (verdict.violations, verdict.figures)
    }
}

fn kinds(violations: &[Violation]) -> BTreeSet<Kind> {
    violations.iter().map(|it| it.kind).collect()
}

fn record(key: Vec<u8>, header: Vec<u8>, value: Vec<u8>) -> RawRecord {
    RawRecord {
        partition: PARTITION,
        offset: 0,
        key,
        header: Some(header),
        value,
    }
}

fn event(fact: &Fact, index: usize, size: usize) -> RawRecord {
    let mut header = vec![1, 1, 0];
    for part in [1, fact.sequence, fact.version, index as u64, size as u64] {
        number(&mut header, part);
    }
    header.extend([0; 8]);
    header.extend(fact.command.as_bytes());
    let mut value = vec![0xc3, 1];
    let schema: u64 = if fact.event.change < 0 {
        0x0f46_d862_4973_1ebb
    } else {
        0x8297_8d0b_9189_0d1e
    };
    value.extend(schema.to_le_bytes());
    let long = |out: &mut Vec<u8>, it: i64| number(out, ((it << 1) ^ (it >> 63)) as u64);
    long(&mut value, fact.event.order.len() as i64);
    value.extend(fact.event.order.as_bytes());
    long(&mut value, fact.event.change.abs());
    long(&mut value, fact.event.balance);
    record(fact.account.clone().into_bytes(), header, value)
}

/// An unsigned LEB128 number.
fn number(out: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        out.push(number as u8 | 128);
        number >>= 7;
    }
    out.push(number as u8);
}

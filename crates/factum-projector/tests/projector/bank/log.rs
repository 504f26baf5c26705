//! Writing a topic: commits, and everything that a reader has to pass over.

use std::sync::Arc;

use factum_core::{
    Claim, Event, EventHeader, EventLog, Header, NewTopic, RecordRef, Recorded, Records, Stamp,
    Topic,
};
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use uuid::Uuid;

use super::{Bank, Posted};

/// Writes a topic, and knows by itself which events are valid.
pub struct Ledger {
    pub topic: Arc<dyn Topic>,
    /// All valid events so far; those of one partition in order.
    pub valid: Vec<Recorded<Posted>>,
    partitions: Vec<Tail>,
    random: StdRng,
}

#[derive(Clone, Copy)]
struct Tail {
    epoch: u64,
    next: u64,
}

impl Ledger {
    /// The bank's topic, with a claim in each partition.
    pub async fn create(bank: &Bank, partitions: u32, seed: u64) -> Self {
        Self::on(bank, &bank.topic, partitions, seed).await
    }

    /// A new topic with a claim in each partition.
    pub async fn on(bank: &Bank, topic: &str, partitions: u32, seed: u64) -> Self {
        let new = NewTopic {
            partitions,
            replication: None,
        };
        let topic = bank.log.open(topic, Some(new)).await.unwrap();
        let mut ledger = Self {
            topic,
            valid: Vec::new(),
            partitions: vec![Tail { epoch: 0, next: 1 }; partitions as usize],
            random: StdRng::seed_from_u64(seed),
        };
        for partition in 0..partitions {
            ledger.claim(partition).await;
        }
        ledger
    }

    pub async fn append(&self, partition: u32, records: Records) {
        self.topic.append(partition, records).await.unwrap();
    }

    pub async fn claim(&mut self, partition: u32) {
        let (claimant, partitions) = (self.random.random(), self.topic.partitions());
        let tail = &mut self.partitions[partition as usize];
        tail.epoch += 1;
        let claim = Claim {
            epoch: tail.epoch,
            claimant: Uuid::from_u128(claimant),
            floor: tail.next,
            partitions,
        };
        self.append(partition, claim.record()).await;
    }

    /// Appends a valid commit.
    pub async fn commit(&mut self, partition: u32, id: &str, events: &[Posted]) {
        let records = self.encode(partition, id, events, events.len());
        self.commit_as(partition, id, events, records).await;
    }

    /// Appends a valid commit that only a later build can decode: its values have another byte.
    pub async fn commit_newer(&mut self, partition: u32, id: &str, events: &[Posted]) {
        let mut newer = Records::new();
        for record in self.encode(partition, id, events, events.len()).iter() {
            let value = [record.value, b"+"].concat();
            newer.push(RecordRef {
                value: &value,
                ..record
            });
        }
        self.commit_as(partition, id, events, newer).await;
    }

    async fn commit_as(&mut self, partition: u32, id: &str, events: &[Posted], records: Records) {
        let at = self.topic.end(partition).await.unwrap();
        let next = self.partitions[partition as usize].next;
        for (index, event) in events.iter().enumerate() {
            let sequence = next + index as u64;
            self.valid.push(Recorded {
                id: id.to_owned(),
                partition,
                offset: at + index as u64,
                sequence,
                version: sequence,
                time: time(sequence),
                command: Uuid::from_u128(sequence.into()),
                metadata: Default::default(),
                event: event.clone(),
            });
        }
        self.append(partition, records).await;
        self.partitions[partition as usize].next += events.len() as u64;
    }

    /// The first `len` records of what would be the next commit.
    pub fn encode(&self, partition: u32, id: &str, events: &[Posted], len: usize) -> Records {
        let tail = self.partitions[partition as usize];
        let mut records = Records::new();
        for (index, event) in events.iter().enumerate().take(len) {
            let sequence = tail.next + index as u64;
            let stamp = Stamp {
                epoch: tail.epoch,
                sequence,
                index: index as u32,
                size: events.len() as u32,
            };
            records.push_encoded(
                id.as_bytes(),
                |out| header(stamp).encode(out),
                |out| event.encode(out),
            );
        }
        records
    }

    /// A commit whose end never came, and the claim that voids it.
    pub async fn torn(&mut self, partition: u32) {
        let lost = [posted(99, 1_000_000), posted(99, 1_000_000)];
        let half = self.encode(partition, "torn", &lost, 1);
        self.append(partition, half).await;
        self.claim(partition).await;
    }

    /// What a zombie wrote late, under an epoch that is over.
    pub async fn zombie(&mut self, partition: u32) {
        self.partitions[partition as usize].epoch -= 1;
        let late = self.encode(partition, "zombie", &[posted(98, 5_000_000)], 1);
        self.partitions[partition as usize].epoch += 1;
        self.append(partition, late).await;
    }

    /// A record that was not written by Factum.
    pub async fn foreign(&mut self, partition: u32) {
        let mut records = Records::new();
        records.push(RecordRef {
            key: b"?",
            header: None,
            value: b"hello",
        });
        self.append(partition, records).await;
    }

    /// Appends random commits, about one in twenty with noise before it.
    pub async fn fill(&mut self, commits: usize) {
        for _ in 0..commits {
            let partition = self.random.random_range(0..self.partitions.len() as u32);
            match self.random.random_range(0..60) {
                0 => self.torn(partition).await,
                1 => self.zombie(partition).await,
                2 => self.foreign(partition).await,
                _ => {}
            }
            let id = format!("account-{partition}-{}", self.random.random_range(0..40));
            let size = [1, 1, 1, 2, 3, 5][self.random.random_range(0..6)];
            let events: Vec<_> = (0..size).map(|_| self.random_posting()).collect();
            self.commit(partition, &id, &events).await;
        }
    }

    fn random_posting(&mut self) -> Posted {
        Posted {
            branch: self.random.random_range(0..12),
            amount: self.random.random_range(-50..1000),
            close: self.random.random_range(0..25) == 0,
        }
    }

    /// How many records all partitions hold.
    pub async fn records(&self) -> i64 {
        let mut records = 0;
        for partition in 0..self.topic.partitions() {
            records += self.end(partition).await as i64;
        }
        records
    }

    /// Where a partition ends.
    pub async fn end(&self, partition: u32) -> u64 {
        self.topic.end(partition).await.unwrap()
    }
}

pub fn posted(branch: i32, amount: i64) -> Posted {
    Posted {
        branch,
        amount,
        close: false,
    }
}

/// A time for each sequence, near enough that a day holds events of every partition.
fn time(sequence: u64) -> Timestamp {
    Timestamp::from_second(1_317_400_000 + 97 * sequence as i64).unwrap()
}

fn header(stamp: Stamp) -> Header<'static> {
    Header::Event(EventHeader {
        stamp,
        version: stamp.sequence,
        time: time(stamp.sequence).as_microsecond(),
        command: Uuid::from_u128(stamp.sequence.into()),
        ..EventHeader::default()
    })
}

//! The writer rule: how one partition is owned, and when a commit is a fact. Pure: the engine feeds
//! it what it read and what was acknowledged, and does what it says.
//!
//! To own a partition: read it to its end, append [`Writer::claim`], read up to the acknowledged
//! claim, and ask [`Writer::settle_claim`]. The same settles every ambiguity: a time-out, a lost
//! connection, an acknowledged record that is void. What the reader rule accepted before the claim
//! is fact, whatever lands later is void.
//!
//! An owner [plans](Writer::plan) commits and sends them in batches. Offsets are dense, so a batch
//! acknowledged right behind what is known needs no reading: nobody wrote in between, and its
//! records are judged as if they had been read.

use std::collections::VecDeque;

use uuid::Uuid;

use crate::guard::{Guard, holds};
use crate::place::Place;
use crate::{
    Appended, Claim, Damage, Fetched, Header, LogError, Offset, ReaderRule, Stamp, Verdict,
};

/// The writer of one partition. `T` stands for a commit: who waits for its answer.
///
/// Settled commits gather in order and are taken with [`Writer::take_settled`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writer<T> {
    claimant: Uuid,
    partitions: u32,
    rule: ReaderRule,
    /// What stands at every offset below is known, and judged.
    known: Offset,
    /// The epoch that the pending commits were planned under; 0 if none was ever owned.
    epoch: u64,
    /// The epoch that was asked for last.
    claimed: u64,
    /// The sequence of the next event to plan.
    next: u64,
    pending: VecDeque<Pending<T>>,
    /// The stamps of the batches that are under way, oldest first.
    batches: VecDeque<Vec<Stamp>>,
    /// The sequence of the newest planned event that was acknowledged.
    acknowledged: u64,
    settled: Vec<(T, Fate)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending<T> {
    token: T,
    /// The sequence after the commit's last event.
    end: u64,
    size: u32,
}

/// What became of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It is a fact: valid for every reader, exactly once.
    Valid,
    /// It is void for ever: nothing happened.
    Void,
}

/// What the owner has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Go on.
    Own,
    /// Read up to this offset, exclusive, then ask [`Writer::standing`].
    ReadTo(Offset),
    /// Read up to the partition's end, then ask [`Writer::standing`].
    ReadToEnd,
    /// Claim again: an acknowledged commit is void, because a predecessor never landed.
    Claim,
    /// Stop: another writer owns the partition. What was not accepted is void and was settled so.
    Superseded,
}

impl<T> Writer<T> {
    /// A writer that has read the partition with `rule` up to `known`, exclusive. It owns nothing yet.
    pub fn new(claimant: Uuid, partitions: u32, rule: ReaderRule, known: Offset) -> Self {
        Self {
            claimant,
            partitions,
            rule,
            known,
            epoch: 0,
            claimed: 0,
            next: 1,
            pending: VecDeque::new(),
            batches: VecDeque::new(),
            acknowledged: 0,
            settled: Vec::new(),
        }
    }

    /// The offset of the next record to [read](Writer::read).
    pub fn known(&self) -> Offset {
        self.known
    }

    /// The state of the reader rule there.
    pub fn rule(&self) -> &ReaderRule {
        &self.rule
    }

    /// How many commits are not settled.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The commits settled since the last call, in the order in which they were planned.
    pub fn take_settled(&mut self) -> impl Iterator<Item = (T, Fate)> + '_ {
        self.settled.drain(..)
    }

    /// Takes in records of its partition that were read, and that no others stand before
    /// [`Fetched::next`]. Records below [`Writer::known`] are known already, and passed over.
    ///
    /// # Errors
    /// A record is damaged, or the log is. Nothing further is taken in then.
    pub fn read(&mut self, topic: &str, fetched: &Fetched) -> Result<(), LogError> {
        for (offset, record) in fetched.iter() {
            if offset < self.known {
                continue;
            }
            let place = Place {
                topic,
                partition: fetched.partition,
                offset,
            };
            let header = place.header(record)?;
            let observed = self.observe(offset, header.as_ref());
            observed.map_err(|damage| place.damaged(damage))?;
        }
        self.known = self.known.max(fetched.next);
        Ok(())
    }

    /// Takes in the record at an offset that is not known yet.
    pub(crate) fn observe(
        &mut self,
        offset: Offset,
        header: Option<&Header<'_>>,
    ) -> Result<(), Damage> {
        let verdict = self.rule.judge(header)?;
        self.known = offset + 1;
        self.settle_valid(verdict);
        Ok(())
    }

    /// The claim to append, once the partition was read to its end. Batches under way count no more:
    /// their acknowledgements are to be ignored.
    pub fn claim(&mut self) -> Claim {
        self.batches.clear();
        self.claimed = self.rule.epoch() + 1;
        Claim {
            epoch: self.claimed,
            claimant: self.claimant,
            floor: self.rule.next(),
            partitions: self.partitions,
        }
    }

    /// Whether the partition is owned, once it was read up to an acknowledged claim. All commits that
    /// were not accepted before it are void.
    pub fn settle_claim(&mut self) -> bool {
        self.void_pending();
        let owned =
            self.rule.epoch() == self.claimed && self.rule.claimant() == Some(self.claimant);
        if owned {
            self.epoch = self.rule.epoch();
            self.next = self.rule.next();
            self.acknowledged = self.next - 1;
        }
        owned
    }

    /// The sequence of the newest planned event, 0 if there is none.
    pub fn planned(&self) -> u64 {
        self.next - 1
    }

    /// The stamps that the events of the next commit will have, if it has `size` events.
    pub fn stamps(&self, size: u32) -> impl Iterator<Item = Stamp> + use<T> {
        let (epoch, first) = (self.epoch, self.next);
        (0..size).map(move |index| Stamp {
            epoch,
            sequence: first + u64::from(index),
            index,
            size,
        })
    }

    /// Plans a commit of `size` events. A commit without events is settled right behind those
    /// planned before it.
    ///
    /// The owner sends the events with all others planned since the last [`Writer::sent`], in order.
    pub fn plan(&mut self, token: T, size: u32) {
        self.next += u64::from(size);
        self.pending.push_back(Pending {
            token,
            end: self.next,
            size,
        });
        self.settle_empty();
    }

    /// Takes note that planned events were sent as one batch, with these stamps, in order.
    pub fn sent(&mut self, batch: Vec<Stamp>) {
        self.batches.push_back(batch);
    }

    /// Takes in the acknowledgement of the oldest batch that is under way.
    ///
    /// # Errors
    /// The log is damaged.
    ///
    /// # Panics
    /// No batch is under way.
    pub fn acknowledged(&mut self, appended: Appended) -> Result<Step, Damage> {
        let Appended::At(first) = appended else {
            return Ok(Step::ReadToEnd);
        };
        let batch = self
            .batches
            .front_mut()
            .expect("an acknowledgement follows a batch");
        let end = first + batch.len() as Offset;
        if first == self.known {
            for stamp in std::mem::take(batch) {
                let verdict = self.rule.judge_event(&stamp)?;
                self.settle_valid(verdict);
                self.acknowledged = stamp.sequence;
            }
            self.known = end;
        }
        Ok(if self.known < end {
            Step::ReadTo(end)
        } else {
            self.standing()
        })
    }

    /// Where the owner stands, after the reading that [`Writer::acknowledged`] asked for.
    pub fn standing(&mut self) -> Step {
        let batch = self.batches.pop_front().unwrap_or_default();
        self.acknowledged = batch.last().map_or(self.acknowledged, |last| last.sequence);
        if self.rule.epoch() != self.epoch {
            self.void_pending();
            return Step::Superseded;
        }
        let acknowledged = self.acknowledged;
        if self
            .pending
            .front()
            .is_none_or(|front| front.end > acknowledged + 1)
        {
            return Step::Own;
        }
        if holds(Guard::Ambiguity) {
            return Step::Claim;
        }
        self.settle_front(Fate::Valid); // what a writer would believe that trusts acknowledgements
        Step::Own
    }

    /// Settles the pending commit that a verdict made whole. A commit that is valid under an own
    /// epoch is the front one: only its owner writes under an epoch, and each sequence once.
    fn settle_valid(&mut self, verdict: Verdict) {
        if verdict == Verdict::Whole && self.rule.epoch() == self.epoch {
            self.settle_front(Fate::Valid);
            self.settle_empty();
        }
    }

    /// Settles commits without events that wait for nothing.
    fn settle_empty(&mut self) {
        while self.pending.front().is_some_and(|front| front.size == 0) {
            self.settle_front(Fate::Valid);
        }
    }

    fn settle_front(&mut self, fate: Fate) {
        self.settled.extend(
            self.pending
                .pop_front()
                .map(|pending| (pending.token, fate)),
        );
    }

    fn void_pending(&mut self) {
        self.settled.extend(
            self.pending
                .drain(..)
                .map(|pending| (pending.token, Fate::Void)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogErrorKind, RecordRef};

    const TOPIC: &str = "bank.loan.events";

    fn writer() -> Writer<()> {
        Writer::new(Uuid::nil(), 8, ReaderRule::default(), 0)
    }

    /// Claims of partition 3, one after the other from an offset on.
    fn claims(first: Offset, epochs: &[u64], floor: u64) -> Fetched {
        let mut fetched = Fetched::new(3, first);
        for (offset, epoch) in (first..).zip(epochs) {
            let claim = Claim {
                epoch: *epoch,
                claimant: Uuid::from_u128(u128::from(*epoch)),
                floor,
                partitions: 8,
            };
            fetched.push(offset, claim.record().get(0).unwrap());
        }
        fetched
    }

    #[test]
    fn what_is_known_is_passed_over_and_gaps_are_known_after() {
        let mut writer = writer();
        let mut fetched = claims(0, &[1, 2], 1);
        fetched.next = 7; // no record stands at offsets 2 to 6
        writer.read(TOPIC, &fetched).unwrap();
        assert_eq!((writer.rule().epoch(), writer.known()), (2, 7));
        // Epoch 3 would be accepted, were offset 6 not known.
        writer.read(TOPIC, &claims(6, &[3], 1)).unwrap();
        assert_eq!((writer.rule().epoch(), writer.known()), (2, 7));
        writer.read(TOPIC, &claims(6, &[2, 3], 1)).unwrap();
        assert_eq!((writer.rule().epoch(), writer.known()), (3, 8));
    }

    #[test]
    fn what_cannot_be_read_names_its_place_and_is_not_taken_in() {
        let mut fetched = claims(4, &[1], 1);
        let damaged = RecordRef {
            key: b"",
            header: Some(&[1, 1, 0]),
            value: b"",
        };
        fetched.push(5, damaged);
        for (fetched, kind, message) in [
            (
                fetched,
                LogErrorKind::Corrupt,
                "bank.loan.events partition 3 offset 5: cannot read the record's `factum` header",
            ),
            (
                claims(5, &[1], 9),
                LogErrorKind::Damaged,
                "bank.loan.events partition 3 offset 5: the log is damaged",
            ),
        ] {
            let mut writer = writer();
            let error = writer.read(TOPIC, &fetched).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
            assert!(std::error::Error::source(&error).is_some());
            assert!(writer.known() <= 5, "{}", writer.known());
        }
    }
}

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
use crate::waiting::Waiting;
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
    pending: Waiting<T>,
    /// The batches that are under way, oldest first.
    batches: VecDeque<Batch>,
    /// The sequence of the newest planned event that was acknowledged.
    acknowledged: u64,
    settled: Vec<(T, Fate)>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Batch {
    stamps: Vec<Stamp>,
    /// Whether answers wait for what becomes of it.
    awaited: bool,
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
            pending: Waiting::new(),
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

    /// How many commits and answers are not settled; a batch that answers wait for counts as one more.
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
        match size {
            0 => self.pending.known(token),
            _ => self.pending.commit(token, self.next),
        }
        self.settle_known();
    }

    /// Plans an answer that rests on the newest state and appends nothing: a rejection, say. It is
    /// settled once the next batch shows that nobody else owned the partition meanwhile; if there is
    /// nothing to append, that batch is a [look](Writer::needs_look) at the partition's end.
    pub fn plan_answer(&mut self, token: T) {
        self.pending.answer(token);
    }

    /// Whether answers wait for a batch that was not sent. The owner asks for the partition's end
    /// then, and takes note of that as of a batch without records, acknowledged at that end.
    pub fn needs_look(&self) -> bool {
        self.pending.is_unsent()
    }

    /// Takes note that planned events were sent as one batch, with these stamps, in order.
    pub fn sent(&mut self, stamps: Vec<Stamp>) {
        let awaited = self.pending.send();
        self.batches.push_back(Batch { stamps, awaited });
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
        let end = first + batch.stamps.len() as Offset;
        if first == self.known {
            for stamp in std::mem::take(&mut batch.stamps) {
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
        let last = batch.stamps.last();
        self.acknowledged = last.map_or(self.acknowledged, |last| last.sequence);
        if self.rule.epoch() != self.epoch {
            self.void_pending();
            return Step::Superseded;
        }
        let end = self.pending.oldest_end();
        if end.is_some_and(|end| end <= self.acknowledged + 1) {
            if holds(Guard::Ambiguity) {
                return Step::Claim;
            }
            self.settle_commit(); // what a writer would believe that trusts acknowledgements
        }
        if batch.awaited {
            self.pending
                .settle_sent(|token| self.settled.push((token, Fate::Valid)));
            self.settle_known();
        }
        Step::Own
    }

    /// Settles the pending commit that a verdict made whole. A commit that is valid under an own
    /// epoch is the oldest one: only its owner writes under an epoch, and each sequence once.
    fn settle_valid(&mut self, verdict: Verdict) {
        if verdict == Verdict::Whole && self.rule.epoch() == self.epoch {
            self.settle_commit();
            self.settle_known();
        }
    }

    fn settle_commit(&mut self) {
        let settle = |token| self.settled.push((token, Fate::Valid));
        let passed = self.pending.settle_commit(settle);
        let awaited = self.batches.iter_mut().filter(|batch| batch.awaited);
        awaited.take(passed).for_each(|batch| batch.awaited = false);
    }

    /// Settles what waits for nothing.
    fn settle_known(&mut self) {
        self.pending
            .settle_known(|token| self.settled.push((token, Fate::Valid)));
    }

    fn void_pending(&mut self) {
        let void = self.pending.drain().map(|token| (token, Fate::Void));
        self.settled.extend(void);
        self.batches
            .iter_mut()
            .for_each(|batch| batch.awaited = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EventHeader;

    const US: Uuid = Uuid::from_u128(1);
    const THEM: Uuid = Uuid::from_u128(2);

    /// A writer that owns the partition: its claim stands at offset 0.
    fn owner() -> Writer<&'static str> {
        let mut writer = Writer::new(US, 1, ReaderRule::at(&Default::default()), 0);
        let claim = writer.claim();
        writer.observe(0, Some(&Header::Claim(claim))).unwrap();
        assert!(writer.settle_claim());
        writer
    }

    fn commit(writer: &mut Writer<&'static str>, token: &'static str) -> Vec<Stamp> {
        let stamps: Vec<_> = writer.stamps(1).collect();
        writer.plan(token, 1);
        stamps
    }

    fn settled(writer: &mut Writer<&'static str>) -> Vec<(&'static str, Fate)> {
        writer.take_settled().collect()
    }

    #[test]
    fn an_answer_waits_for_a_look_at_the_end() {
        let mut writer = owner();
        writer.plan_answer("no");
        assert!(writer.needs_look() && settled(&mut writer).is_empty());
        writer.sent(vec![]);
        assert!(!writer.needs_look());
        writer.plan_answer("later");
        assert_eq!(writer.acknowledged(Appended::At(1)), Ok(Step::Own));
        assert_eq!(settled(&mut writer), [("no", Fate::Valid)]);
        assert!(writer.needs_look(), "the other one waits for the next");
    }

    #[test]
    fn an_answer_behind_which_another_took_over_is_void() {
        let mut writer = owner();
        writer.plan_answer("no");
        writer.sent(vec![]);
        assert_eq!(writer.acknowledged(Appended::At(2)), Ok(Step::ReadTo(2)));
        let claim = Claim {
            epoch: 2,
            claimant: THEM,
            floor: 1,
            partitions: 1,
        };
        writer.observe(1, Some(&Header::Claim(claim))).unwrap();
        assert_eq!(writer.standing(), Step::Superseded);
        assert_eq!(settled(&mut writer), [("no", Fate::Void)]);
    }

    #[test]
    fn answers_keep_their_place_among_commits() {
        let mut writer = owner();
        let mut batch = commit(&mut writer, "first");
        writer.plan_answer("no");
        batch.extend(commit(&mut writer, "second"));
        writer.plan_answer("no again");
        writer.plan("known", 0);
        assert!(settled(&mut writer).is_empty());
        writer.sent(batch);
        assert_eq!(writer.acknowledged(Appended::At(1)), Ok(Step::Own));
        let tokens: Vec<_> = settled(&mut writer).into_iter().map(|it| it.0).collect();
        assert_eq!(tokens, ["first", "no", "second", "no again", "known"]);
        assert_eq!(writer.pending(), 0);
    }

    #[test]
    fn what_waits_behind_an_answer_is_settled_with_it() {
        let mut writer = owner();
        writer.plan_answer("no");
        writer.sent(vec![]);
        writer.plan("known", 0);
        assert!(!writer.needs_look(), "nothing more will be sent");
        assert_eq!(writer.acknowledged(Appended::At(1)), Ok(Step::Own));
        assert_eq!(settled(&mut writer).len(), 2);
        assert_eq!(writer.pending(), 0);
    }

    #[test]
    fn batches_that_were_read_before_they_were_acknowledged_settle_each_answer_once() {
        let mut writer = owner();
        let first = commit(&mut writer, "first");
        writer.plan_answer("no");
        writer.sent(first.clone());
        let second = commit(&mut writer, "second");
        writer.plan_answer("no again");
        writer.sent(second.clone());
        // Something foreign stands before the first batch, so that all of it is read.
        assert_eq!(writer.acknowledged(Appended::At(2)), Ok(Step::ReadTo(3)));
        writer.observe(1, None).unwrap();
        for (offset, stamp) in (2..).zip([first[0], second[0]]) {
            let header = EventHeader {
                stamp,
                ..Default::default()
            };
            writer
                .observe(offset, Some(&Header::Event(header)))
                .unwrap();
        }
        assert_eq!(writer.standing(), Step::Own);
        let tokens: Vec<_> = settled(&mut writer).into_iter().map(|it| it.0).collect();
        assert_eq!(
            tokens,
            ["first", "no", "second"],
            "the last waits for its batch"
        );
        assert_eq!(writer.acknowledged(Appended::At(3)), Ok(Step::Own));
        assert_eq!(settled(&mut writer), [("no again", Fate::Valid)]);
    }
}

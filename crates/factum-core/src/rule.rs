//! The reader rule: which records of a partition are valid. Everyone who reads or writes a
//! partition runs this code.
//!
//! The log is its own lock. A [`Claim`] of epoch `epoch + 1` is accepted, all other claims are void.
//! An event is valid if it carries the epoch in force and the expected sequence. A lower sequence is
//! a double. A higher one means that a predecessor was lost: the epoch is closed, and nothing more is
//! valid until the next claim. A commit is valid once it is whole; a claim in its middle voids it.
//! A claim that stood on events which this log does not have shows that the log is damaged.
//!
//! The rule names no offset, so it holds in every faithful copy of the log.

use uuid::Uuid;

use crate::guard::{Guard, holds};
use crate::{Claim, Header, Position, Stamp};

/// The state of the reader rule at one place of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReaderRule {
    identity: Option<Uuid>,
    claimant: Option<Uuid>,
    epoch: u64,
    next: u64,
    closed: bool,
    held: u32,
    held_size: u32,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: it has no effect, now and for ever.
    Void(Void),
    /// A claim that was accepted. A commit that was half-read is void: its records are to be dropped.
    Claimed,
    /// Part of a commit that is not whole yet: to be held.
    Held,
    /// The last record of a commit: it and the held ones are valid.
    Whole,
}

/// Why a record is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// Factum did not write it.
    Foreign,
    /// A claim that came too late, or twice.
    Claim,
    /// An event of an epoch that is over, or of one that was never accepted.
    Epoch,
    /// An event behind a gap.
    Closed,
    /// An event that was there before.
    Double,
    /// An event whose predecessor was lost. It closes the epoch.
    Gap,
}

/// A log that broke its promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A claim stood on events that are not there.
    #[error(
        "events {next} to {} are gone: the claim of epoch {epoch} stood on them. \
         Restore the topic from a mirror or a backup; do not write to it before",
        floor - 1
    )]
    Lost {
        /// The first sequence that is missing.
        next: u64,
        /// The sequence up to which the claimant knew events, exclusive.
        floor: u64,
        /// The claim's epoch.
        epoch: u64,
    },
    /// The parts of a commit do not fit together.
    #[error(
        "event {sequence} says that it is part {} of {size} of its commit, after {held} of {held_size} parts: \
         the record was not written by Factum as it stands",
        index + 1
    )]
    Mismatch {
        /// The event's sequence.
        sequence: u64,
        /// Its index within its commit.
        index: u32,
        /// The size of its commit, by its own word.
        size: u32,
        /// How many parts were read before.
        held: u32,
        /// The size of the commit, by the word of the parts before.
        held_size: u32,
    },
}

impl ReaderRule {
    /// The rule's state at a position.
    pub fn at(position: &Position) -> Self {
        Self {
            identity: position.identity,
            claimant: None,
            epoch: position.epoch,
            next: position.next,
            closed: position.closed,
            held: 0,
            held_size: 0,
        }
    }

    /// The position before the record at `offset`, unless a commit is half-read.
    pub fn position(&self, offset: u64) -> Option<Position> {
        (self.held == 0).then_some(Position {
            identity: self.identity,
            offset,
            epoch: self.epoch,
            next: self.next,
            closed: self.closed,
        })
    }

    /// The epoch in force, 0 before the first claim.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The sequence of the next valid event, from 1.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Who was accepted last, if that was read.
    pub fn claimant(&self) -> Option<Uuid> {
        self.claimant
    }

    /// The claimant of epoch 1, which tells this partition from every other.
    pub fn identity(&self) -> Option<Uuid> {
        self.identity
    }

    /// Judges the next record; `None` stands for a record without a header.
    ///
    /// # Errors
    /// The log is damaged. The state is unchanged then.
    pub fn judge(&mut self, header: Option<&Header<'_>>) -> Result<Verdict, Damage> {
        match header {
            None => Ok(Verdict::Void(Void::Foreign)),
            Some(Header::Claim(claim)) => self.judge_claim(claim),
            Some(Header::Event(event) | Header::Handled(event)) => self.judge_event(&event.stamp),
        }
    }

    fn judge_claim(&mut self, claim: &Claim) -> Result<Verdict, Damage> {
        if holds(Guard::Floor) && claim.floor > self.next {
            let (next, floor, epoch) = (self.next, claim.floor, claim.epoch);
            return Err(Damage::Lost { next, floor, epoch });
        }
        if holds(Guard::Epoch) && self.epoch.checked_add(1) != Some(claim.epoch) {
            return Ok(Verdict::Void(Void::Claim));
        }
        self.epoch = claim.epoch;
        self.claimant = Some(claim.claimant);
        self.identity = self.identity.or(Some(claim.claimant));
        self.closed = false;
        if holds(Guard::Torn) {
            self.held = 0;
        }
        Ok(Verdict::Claimed)
    }

    /// Judges an event by its stamp alone: all that the rule needs of it.
    ///
    /// # Errors
    /// The parts of a commit do not fit together. The state is unchanged then.
    pub fn judge_event(&mut self, event: &Stamp) -> Result<Verdict, Damage> {
        if event.epoch != self.epoch || self.epoch == 0 {
            return Ok(Verdict::Void(Void::Epoch));
        }
        if self.closed {
            return Ok(Verdict::Void(Void::Closed));
        }
        let expected = self.next + u64::from(self.held);
        if holds(Guard::Sequence) && event.sequence < expected {
            return Ok(Verdict::Void(Void::Double));
        }
        if event.sequence > expected {
            self.closed = holds(Guard::Gap);
            if holds(Guard::Sequence) {
                return Ok(Verdict::Void(Void::Gap));
            }
        }
        self.hold(event)
    }

    /// Takes the expected part of a commit.
    fn hold(&mut self, event: &Stamp) -> Result<Verdict, Damage> {
        let (held, held_size) = (
            self.held,
            if self.held == 0 {
                event.size
            } else {
                self.held_size
            },
        );
        if event.index != held || event.size != held_size || held >= held_size {
            let Stamp {
                sequence,
                index,
                size,
                ..
            } = *event;
            return Err(Damage::Mismatch {
                sequence,
                index,
                size,
                held,
                held_size,
            });
        }
        if held + 1 < held_size {
            (self.held, self.held_size) = (held + 1, held_size);
            return Ok(Verdict::Held);
        }
        self.next += u64::from(held_size);
        self.held = 0;
        Ok(Verdict::Whole)
    }
}

impl Default for ReaderRule {
    fn default() -> Self {
        Self::at(&Position::START)
    }
}

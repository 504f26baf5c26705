//! A process that may own the partition: what the engine does around [`Writer`].

use std::collections::{BTreeMap, VecDeque};

use factum_core::{
    Appended, Claim, EventHeader, Header, LogError, Offset, Origin, ReaderRule, Stamp, Step, Writer,
};
use uuid::Uuid;

use crate::log::{Facts, Record, TOPIC, command_id, fetched};
use crate::{Account, Mutant, Setup};

/// What a caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// The command took effect; this is the sequence of its last event.
    Accepted(u64),
    /// The domain said no.
    Rejected,
    /// Nothing happened; the client may try again.
    Fenced,
}

/// One attempt of a client, and the answer it gets if the commit that it waits for turns out valid.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The command.
    pub command: u8,
    /// The number of the attempt, from 1.
    pub attempt: u8,
    /// The offset of the command's record, if it came through the topic.
    pub offset: Option<Offset>,
    /// The answer.
    pub answer: Answer,
}

/// What a node does for the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Nothing. The group may give it the partition at any time.
    Idle,
    /// It waits for its claim to be acknowledged.
    Claiming,
    /// It believes that it owns the partition.
    Owning,
    /// It was asked to give up: it takes no commands, and finishes what is under way.
    Draining,
}

/// A node. Of all this, `writer` is the real thing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// How often its process was started.
    pub process: u8,
    /// What it does.
    pub role: Role,
    /// The writer rule.
    pub writer: Writer<Vec<Caller>>,
    /// Grows when what is under way is given up: its acknowledgements count no more.
    pub term: u8,
    /// The number of the oldest batch under way.
    pub oldest: u8,
    /// For each batch under way, the acknowledged offsets of its records.
    pub under_way: VecDeque<Vec<Option<Offset>>>,
    /// The offset of the next record of the commands topic to take.
    pub consumed: Offset,
    /// Rejected callers of the topic: they wait for a marker, or for an event that serves as one.
    pub rejected: Vec<Caller>,
    /// Rejected callers that came directly, and the sequence that must be a fact before they are
    /// answered: they wait until the owner knows that it still is one.
    pub unconfirmed: Vec<(Caller, u64)>,
    epoch: u64,
    accounts: BTreeMap<u8, Account>,
    handled: BTreeMap<u8, Answer>,
}

impl Node {
    /// A process that was just started.
    pub fn start(number: usize, process: u8) -> Self {
        let claimant = Uuid::from_u128((number as u128 + 1) * 100 + u128::from(process));
        Self {
            process,
            role: Role::Idle,
            writer: Writer::new(claimant, 1, ReaderRule::default(), 0),
            term: 0,
            oldest: 0,
            under_way: VecDeque::new(),
            consumed: 0,
            rejected: Vec::new(),
            unconfirmed: Vec::new(),
            epoch: 0,
            accounts: BTreeMap::new(),
            handled: BTreeMap::new(),
        }
    }

    /// Whether it never did anything: such nodes are all alike.
    pub fn is_fresh(&self) -> bool {
        (self.process, self.term) == (0, 0)
    }

    /// Whether nothing is under way and nobody waits.
    pub fn is_quiet(&self) -> bool {
        self.under_way.is_empty()
            && self.writer.pending() == 0
            && self.rejected.is_empty()
            && self.unconfirmed.is_empty()
    }

    /// Reads to the end and asks for the next epoch: also the answer to every ambiguity.
    pub fn claim(&mut self, log: &[Record]) -> Result<Claim, LogError> {
        self.read_to(log, log.len() as Offset)?;
        let claim = self.writer.claim();
        self.forget_under_way();
        self.rejected.clear();
        self.under_way.push_back(vec![None]);
        self.role = Role::Claiming;
        Ok(claim)
    }

    /// Stops doing anything for the partition.
    pub fn stand_down(&mut self) {
        self.forget_under_way();
        self.rejected.clear();
        self.unconfirmed.clear();
        self.role = Role::Idle;
    }

    fn forget_under_way(&mut self) {
        self.under_way.clear();
        (self.term, self.oldest) = (self.term + 1, 0);
    }

    fn read_to(&mut self, log: &[Record], end: Offset) -> Result<(), LogError> {
        let known = self.writer.known();
        let unread = log.get(known as usize..end as usize).unwrap_or_default();
        self.writer.read(TOPIC, &fetched(unread, known))
    }

    /// The claim stands at `offset`: reads up to it, and learns whether it was accepted.
    pub fn claim_landed(
        &mut self,
        setup: &Setup,
        log: &[Record],
        offset: Offset,
    ) -> Result<bool, LogError> {
        if setup.mutant == Some(Mutant::ClaimsUnread) {
            let claim = &log[offset as usize..=offset as usize];
            self.writer.read(TOPIC, &fetched(claim, offset))?;
        }
        self.read_to(log, offset + 1)?;
        self.forget_under_way();
        let owned = self.writer.settle_claim();
        self.epoch = self.writer.rule().epoch();
        self.role = if owned { Role::Owning } else { Role::Idle };
        Ok(owned)
    }

    /// Rebuilds what an owner decides from: the accounts, which commands were handled, and how far
    /// the commands topic was.
    pub fn take_over(&mut self, setup: &Setup, facts: &Facts, topic: &[(u8, u8)]) {
        (self.accounts, self.handled) = (BTreeMap::new(), BTreeMap::new());
        for commit in &facts.commits {
            let Some(command) = commit.command else {
                continue;
            };
            let Some(account) = commit.account else {
                continue;
            };
            let ask = setup.commands[usize::from(command)].ask;
            self.accounts.entry(account).or_default().apply(ask);
            self.handled.insert(command, Answer::Accepted(commit.last));
        }
        self.consumed = facts.progress;
        if !matches!(
            setup.mutant,
            Some(Mutant::ForgetsRejections | Mutant::ForgetsRejectionsAtTakeover)
        ) {
            // A command below the progress without an event was rejected.
            for (command, _) in &topic[..facts.progress as usize] {
                self.handled.entry(*command).or_insert(Answer::Rejected);
            }
        }
    }

    /// Decides a command, unless its id was handled before. Returns what to append.
    pub fn take(&mut self, setup: &Setup, mut caller: Caller) -> Vec<Record> {
        let command = caller.command;
        let known = self.handled.get(&command).copied();
        let known = known.filter(|_| setup.mutant != Some(Mutant::NoDedupe));
        let account = setup.commands[usize::from(command)].account;
        let ask = setup.commands[usize::from(command)].ask;
        let state = self.accounts.entry(account).or_default();
        match known.map_or_else(|| state.decide(ask), |_| None) {
            Some(events) => {
                let version = state.version;
                state.apply(ask);
                let last = self.writer.planned() + u64::from(events);
                caller.answer = Answer::Accepted(last);
                self.handled.insert(command, caller.answer);
                self.commit(account, version, events, caller)
            }
            None => {
                caller.answer = known.unwrap_or(Answer::Rejected);
                if setup.mutant != Some(Mutant::ForgetsRejections) {
                    self.handled.insert(command, caller.answer);
                }
                self.answer_without_events(setup, caller);
                Vec::new()
            }
        }
    }

    fn answer_without_events(&mut self, setup: &Setup, caller: Caller) {
        let mutant = |mutant| setup.mutant == Some(mutant);
        match (caller.answer, caller.offset) {
            (Answer::Rejected, Some(_)) if !mutant(Mutant::AnswersBeforeTheMarker) => {
                self.rejected.push(caller);
            }
            (Answer::Rejected, None) if !mutant(Mutant::AnswersUnconfirmed) => {
                self.unconfirmed.push((caller, self.writer.planned()));
            }
            _ => self.writer.plan(vec![caller], 0),
        }
    }

    fn commit(&mut self, account: u8, version: u64, events: u8, caller: Caller) -> Vec<Record> {
        let header = EventHeader {
            command: command_id(caller.command),
            origin: Origin {
                command_offset: caller.offset,
                causation: Some(Uuid::from_u128(caller.attempt.into())),
                ..Origin::default()
            },
            ..EventHeader::default()
        };
        let routed = caller.offset.is_some();
        let mut callers = vec![caller];
        if routed {
            callers.append(&mut self.rejected);
        }
        self.plan(Some(account), version, header, events, callers)
    }

    /// Whether a rejected caller could be answered, were it known that this node owns the partition.
    pub fn can_confirm(&self, log: &[Record]) -> bool {
        let unread = self.writer.known() < log.len() as Offset;
        let fact = |(_, behind): &(Caller, u64)| *behind < self.writer.rule().next();
        !self.unconfirmed.is_empty() && (unread || self.unconfirmed.iter().any(fact))
    }

    /// Reads to the end; returns the rejected callers that can be answered now.
    pub fn confirm(&mut self, log: &[Record]) -> Result<Vec<Caller>, LogError> {
        self.read_to(log, log.len() as Offset)?;
        let (owned, next) = (
            self.writer.rule().epoch() == self.epoch,
            self.writer.rule().next(),
        );
        let known = self
            .unconfirmed
            .extract_if(.., |(_, behind)| !owned || *behind < next);
        let answer = |(caller, _): (Caller, u64)| Caller {
            answer: if owned { caller.answer } else { Answer::Fenced },
            ..caller
        };
        Ok(known.map(answer).collect())
    }

    /// A marker: one event of no account, which says how far the commands topic was handled.
    pub fn mark(&mut self) -> Vec<Record> {
        let header = EventHeader {
            origin: Origin {
                command_offset: self.consumed.checked_sub(1),
                ..Origin::default()
            },
            ..EventHeader::default()
        };
        let callers = std::mem::take(&mut self.rejected);
        self.plan(None, 0, header, 1, callers)
    }

    fn plan(
        &mut self,
        account: Option<u8>,
        version: u64,
        header: EventHeader<'static>,
        size: u8,
        callers: Vec<Caller>,
    ) -> Vec<Record> {
        let stamps: Vec<Stamp> = self.writer.stamps(size.into()).collect();
        self.writer.plan(callers, size.into());
        self.writer.sent(stamps.clone());
        self.under_way.push_back(vec![None; stamps.len()]);
        let numbered = |stamp: Stamp| EventHeader {
            stamp,
            version: version + 1 + u64::from(stamp.index),
            ..header
        };
        let record = |stamp| Record {
            account,
            header: Header::Event(numbered(stamp)),
        };
        stamps.into_iter().map(record).collect()
    }

    /// Takes note that a record landed, if its batch is still waited for.
    pub fn landed(&mut self, batch: u8, index: u8, offset: Offset) {
        let place = batch.checked_sub(self.oldest).map(usize::from);
        if let Some(batch) = place.and_then(|place| self.under_way.get_mut(place)) {
            batch[usize::from(index)] = Some(offset);
        }
    }

    /// The acknowledgement of the oldest batch under way, once all its records landed.
    pub fn next_acknowledged(&self) -> Option<Appended> {
        let offsets: Option<Vec<_>> = self.under_way.front()?.iter().copied().collect();
        let offsets = offsets?;
        let side_by_side = offsets.windows(2).all(|pair| pair[1] == pair[0] + 1);
        Some(if side_by_side {
            Appended::At(offsets[0])
        } else {
            Appended::Somewhere
        })
    }

    /// Takes in the acknowledgement of the oldest batch: what the owner has to do then.
    pub fn acknowledged(&mut self, log: &[Record], appended: Appended) -> Result<Step, LogError> {
        self.under_way.pop_front();
        self.oldest += 1;
        let damaged =
            |damage| LogError::new(factum_core::LogErrorKind::Damaged, TOPIC).with_source(damage);
        let mut step = self.writer.acknowledged(appended).map_err(damaged)?;
        loop {
            let end = match step {
                Step::ReadTo(end) => end,
                Step::ReadToEnd => log.len() as Offset,
                step => return Ok(step),
            };
            self.read_to(log, end)?;
            step = self.writer.standing();
        }
    }
}

//! A process that may own the partition: what the engine does around [`Writer`].

use std::collections::{BTreeMap, VecDeque};

use factum_core::{
    Appended, Claim, EventHeader, LogError, Offset, Origin, ReaderRule, Stamp, Step, Writer,
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

/// Something that the log has yet to answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Batch {
    /// Records: the acknowledged offset of each.
    Records(Vec<Option<Offset>>),
    /// A look at the partition's end, which was there: the earliest that the log may answer.
    Look(Offset),
}

impl Batch {
    fn of(records: usize) -> Self {
        Self::Records(vec![None; records])
    }
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
    /// What is under way, oldest first.
    pub under_way: VecDeque<Batch>,
    /// The offset of the next record of the commands topic to take.
    pub consumed: Offset,
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
        self.under_way.is_empty() && self.writer.pending() == 0
    }

    /// Reads to the end and asks for the next epoch: also the answer to every ambiguity.
    pub fn claim(&mut self, log: &[Record]) -> Result<Claim, LogError> {
        self.read_to(log, log.len() as Offset)?;
        let claim = self.writer.claim();
        self.forget_under_way();
        self.under_way.push_back(Batch::of(1));
        self.role = Role::Claiming;
        Ok(claim)
    }

    /// Stops doing anything for the partition.
    pub fn stand_down(&mut self) {
        self.forget_under_way();
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
        self.role = if owned { Role::Owning } else { Role::Idle };
        Ok(owned)
    }

    /// Rebuilds what an owner decides from: the accounts, which commands were handled and how, and how
    /// far the commands topic was.
    pub fn take_over(&mut self, setup: &Setup, facts: &Facts) {
        (self.accounts, self.handled) = (BTreeMap::new(), BTreeMap::new());
        for commit in &facts.commits {
            match commit.told {
                None => {
                    let ask = setup.commands[usize::from(commit.command)].ask;
                    self.accounts.entry(commit.account).or_default().apply(ask);
                    let answer = Answer::Accepted(commit.last);
                    self.handled.insert(commit.command, answer);
                }
                Some(_) if setup.lacks(Mutant::ForgetsRejectionsAtTakeover) => {}
                Some(told) => {
                    self.handled.entry(commit.command).or_insert(told);
                }
            }
        }
        if setup.lacks(Mutant::ForgetsRejections) {
            self.handled.retain(|_, told| *told != Answer::Rejected);
        }
        self.consumed = match setup.mutant {
            Some(Mutant::KeepsItsOwnPlace) => self.consumed.max(facts.progress),
            Some(Mutant::BeginsTheTopicAnew) => 0,
            _ => facts.progress,
        };
    }

    /// Decides a command, unless its id was handled before. Returns what to append.
    pub fn take(&mut self, setup: &Setup, mut caller: Caller) -> Vec<Record> {
        let command = setup.commands[usize::from(caller.command)];
        let known = self.handled.get(&caller.command).copied();
        if let Some(answer) = known.filter(|_| !setup.lacks(Mutant::NoDedupe)) {
            caller.answer = answer;
            return self.repeat(setup, caller);
        }
        let state = self.accounts.entry(command.account).or_default();
        let version = state.version;
        let Some(events) = state.decide(command.ask) else {
            caller.answer = Answer::Rejected;
            return self.reject(setup, caller);
        };
        state.apply(command.ask);
        let last = self.writer.planned() + u64::from(events);
        caller.answer = Answer::Accepted(last);
        self.handled.insert(caller.command, caller.answer);
        let header = header(&caller, version);
        self.plan(command.account, header, None, events, vec![caller])
    }

    /// Answers a command that was handled before as it was answered then. One that came through the
    /// topic leaves its mark, as every such command does.
    fn repeat(&mut self, setup: &Setup, caller: Caller) -> Vec<Record> {
        if caller.offset.is_some() && !setup.lacks(Mutant::PassesOverCopies) {
            return self.note(setup, caller);
        }
        self.writer.plan(vec![caller], 0);
        Vec::new()
    }

    /// Says no. Where the same command may come again through the topic, the log says so too; else the
    /// caller waits until it is clear that the state was the newest.
    fn reject(&mut self, setup: &Setup, caller: Caller) -> Vec<Record> {
        let command = setup.commands[usize::from(caller.command)];
        let direct = caller.offset.is_none();
        let unnoted = direct && setup.lacks(Mutant::NotesNothingDirect);
        if setup.routing && command.chooses_its_id() && !unnoted {
            if !setup.lacks(Mutant::ForgetsRejections) {
                self.handled.insert(caller.command, caller.answer);
            }
            return self.note(setup, caller);
        }
        if setup.lacks(Mutant::AnswersUnconfirmed) {
            self.writer.plan(vec![caller], 0);
        } else {
            self.writer.plan_answer(vec![caller]);
        }
        Vec::new()
    }

    /// A record that says that the command was handled, and what its caller is told: a commit of its
    /// own, which changes no account.
    fn note(&mut self, setup: &Setup, caller: Caller) -> Vec<Record> {
        let account = setup.commands[usize::from(caller.command)].account;
        let version = self.accounts.entry(account).or_default().version;
        let mut header = header(&caller, version);
        if setup.lacks(Mutant::NotesNoOffset) {
            header.origin.command_offset = None;
        }
        let told = caller.answer;
        let mut callers = vec![caller];
        if setup.lacks(Mutant::AnswersBeforeItIsNoted) {
            self.writer.plan(std::mem::take(&mut callers), 0);
        }
        self.plan(account, header, Some(told), 1, callers)
    }

    fn plan(
        &mut self,
        account: u8,
        header: EventHeader<'static>,
        told: Option<Answer>,
        size: u8,
        callers: Vec<Caller>,
    ) -> Vec<Record> {
        let stamps: Vec<Stamp> = self.writer.stamps(size.into()).collect();
        self.writer.plan(callers, size.into());
        self.writer.sent(stamps.clone());
        self.under_way.push_back(Batch::of(stamps.len()));
        let stamps = stamps.into_iter();
        stamps
            .map(|stamp| Record::new(account, header, stamp, told))
            .collect()
    }

    /// Asks for the partition's end, so that answers that wait for a batch need not wait for a command.
    pub fn look(&mut self, log: &[Record]) {
        self.writer.sent(Vec::new());
        self.under_way.push_back(Batch::Look(log.len() as Offset));
    }

    /// Takes note that a record landed, if its batch is still waited for.
    pub fn landed(&mut self, batch: u8, index: u8, offset: Offset) {
        let place = batch.checked_sub(self.oldest).map(usize::from);
        let batch = place.and_then(|place| self.under_way.get_mut(place));
        if let Some(Batch::Records(offsets)) = batch {
            offsets[usize::from(index)] = Some(offset);
        }
    }

    /// The acknowledgement of the oldest batch under way, once all its records landed.
    pub fn next_acknowledged(&self) -> Option<Appended> {
        let offsets = match self.under_way.front()? {
            Batch::Look(end) => return Some(Appended::At(*end)),
            Batch::Records(offsets) => offsets.iter().copied().collect::<Option<Vec<_>>>()?,
        };
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

/// What all records of a commit say; of a command without events, its version is the one that the
/// account keeps.
fn header(caller: &Caller, version: u64) -> EventHeader<'static> {
    EventHeader {
        version,
        command: command_id(caller.command),
        origin: Origin {
            command_offset: caller.offset,
            causation: Some(Uuid::from_u128(caller.attempt.into())),
            ..Origin::default()
        },
        ..EventHeader::default()
    }
}

//! The whole system in one state: two partitions, the network before them, nodes and clients.

use std::sync::Arc;

use factum_core::{Fate, LogError, Offset, Step};

use crate::log::{Facts, Log, Record};
use crate::node::{Answer, Caller, Node, Role};
use crate::setup::Limits;
use crate::{Mutant, Path, Setup};

/// A state of the system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The partition of events.
    pub events: Log,
    /// The partition of commands: the command and the attempt.
    pub commands: Vec<(u8, u8)>,
    /// Records that were sent and did not land, in a fixed order. One that never lands is lost.
    pub network: Vec<Message>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// One client for each command.
    pub clients: Vec<Client>,
    /// What may still happen.
    pub left: Limits,
    /// The offset that the consumer group of the commands topic holds. Only a mutant looks.
    pub committed: Offset,
    /// What went wrong, where no property can see it.
    pub broken: Option<&'static str>,
    /// A hand-over was drained to its end.
    pub handed_over: bool,
}

/// A record under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::large_enum_variant, reason = "most messages are records")]
pub enum Message {
    /// To the partition of events.
    Event {
        /// Which node sent it, which process of it, in which term; which batch, and which record of it.
        from: [u8; 5],
        /// The record.
        record: Record,
    },
    /// To the partition of commands.
    Command {
        /// The command.
        command: u8,
        /// The attempt.
        attempt: u8,
    },
    /// To a node.
    Request {
        /// The command.
        command: u8,
        /// The attempt.
        attempt: u8,
        /// The node.
        node: u8,
    },
}

impl Message {
    fn is_request_of(&self, number: usize) -> bool {
        matches!(self, Self::Request { command, .. } if usize::from(*command) == number)
    }

    fn is_request_to(&self, number: usize) -> bool {
        matches!(self, Self::Request { node, .. } if usize::from(*node) == number)
    }

    fn order(&self) -> [u8; 5] {
        match self {
            Self::Event { from, .. } => *from,
            Self::Command { command, attempt } => [u8::MAX, *command, *attempt, 0, 0],
            Self::Request {
                command,
                attempt,
                node,
            } => [u8::MAX, *command, *attempt, 1, *node],
        }
    }
}

/// What a client knows, and what it was told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Client {
    /// How often it tried.
    pub attempts: u8,
    /// Whether an attempt went through the topic.
    pub in_topic: bool,
    /// The answer that ends its work.
    pub answer: Option<Answer>,
    /// The attempts of which it was told that nothing happened, one bit for each.
    pub fenced: u8,
    /// The newest sequence that any client had heard of when this one began.
    pub after: u64,
}

impl Client {
    /// The sequence of its command's last event, if it was told that there is one.
    pub fn accepted(&self) -> Option<u64> {
        match self.answer {
            Some(Answer::Accepted(last)) => Some(last),
            _ => None,
        }
    }
}

/// One thing that happens. A time-out, a pause and a loss of a record are things that happen late,
/// or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A node to which the group gave the partition asks for it.
    Claim(usize),
    /// A client sends its command towards an owner, for the first time or again.
    Execute(usize, usize),
    /// A client sends its command to the commands topic, for the first time or again.
    Submit(usize),
    /// An owner takes the next record of the commands topic.
    Consume(usize),
    /// An owner asks for the partition's end, for the answers that wait for a batch.
    Look(usize),
    /// A record lands, and is acknowledged to its sender; a request is taken by its owner.
    Land(usize),
    /// A record lands, and a copy of it stays under way.
    LandTwice(usize),
    /// A node takes in its next acknowledgement.
    Acknowledge(usize),
    /// A node's acknowledgement does not come in time: it claims again.
    TimeOut(usize),
    /// The group asks an owner to give up.
    HandOver(usize),
    /// A process dies and is started again.
    Crash(usize),
}

impl World {
    /// Nothing has happened.
    pub fn start(setup: &Setup, facts: impl Fn(&[Record]) -> Arc<Facts>) -> Self {
        Self {
            events: Log::new(Vec::new(), facts),
            commands: Vec::new(),
            network: Vec::new(),
            nodes: (0..setup.nodes.into())
                .map(|number| Node::start(number, 0))
                .collect(),
            clients: vec![Client::default(); setup.commands.len()],
            left: setup.limits,
            committed: 0,
            broken: None,
            handed_over: false,
        }
    }

    /// All that may happen next.
    pub fn actions(&self, setup: &Setup, actions: &mut Vec<Action>) {
        for (number, message) in self.network.iter().enumerate() {
            let request = match message {
                Message::Request { node, .. } => Some(self.nodes[usize::from(*node)].role),
                _ => None,
            };
            if request.is_none_or(|role| role == Role::Owning) {
                actions.push(Action::Land(number));
            }
            if request.is_none() && self.left.doubles > 0 {
                actions.push(Action::LandTwice(number));
            }
        }
        for client in 0..self.clients.len() {
            self.client_actions(setup, client, actions);
        }
        for node in 0..self.nodes.len() {
            self.node_actions(node, actions);
        }
    }

    fn client_actions(&self, setup: &Setup, number: usize, actions: &mut Vec<Action>) {
        let client = &self.clients[number];
        if client.answer.is_some() || client.attempts == setup.commands[number].attempts {
            return;
        }
        let path = setup.commands[number].path;
        if path != Path::Direct {
            actions.push(Action::Submit(number));
        }
        if path != Path::Topic {
            let owners =
                (0..self.nodes.len()).filter(|node| self.nodes[*node].role == Role::Owning);
            actions.extend(owners.map(|node| Action::Execute(number, node)));
        }
    }

    fn node_actions(&self, number: usize, actions: &mut Vec<Action>) {
        let node = &self.nodes[number];
        let behind_a_fresh_one = node.is_fresh() && number > 0 && self.nodes[number - 1].is_fresh();
        if node.next_acknowledged().is_some() {
            actions.push(Action::Acknowledge(number));
        }
        if node.role == Role::Idle && self.left.claims > 0 && !behind_a_fresh_one {
            actions.push(Action::Claim(number));
        }
        if matches!(node.role, Role::Claiming | Role::Owning)
            && !node.under_way.is_empty()
            && self.left.claims > 0
        {
            actions.push(Action::TimeOut(number));
        }
        if matches!(node.role, Role::Owning | Role::Draining) && node.writer.needs_look() {
            actions.push(Action::Look(number));
        }
        if node.role == Role::Owning && node.consumed < self.commands.len() as Offset {
            actions.push(Action::Consume(number));
        }
        if node.role == Role::Owning && self.left.hand_overs > 0 {
            actions.push(Action::HandOver(number));
        }
        if self.left.crashes > 0 && !node.is_fresh() {
            actions.push(Action::Crash(number));
        }
    }

    /// Does what an action says. `facts` tells what is true of a log.
    pub fn act(&mut self, setup: &Setup, action: Action, facts: impl Fn(&[Record]) -> Arc<Facts>) {
        let done = match action {
            Action::Claim(node) => self.claim(setup, node),
            Action::TimeOut(node) => self.claim(setup, node),
            Action::Execute(command, node) => {
                self.begin_attempt(setup, command);
                let attempt = self.clients[command].attempts;
                let (command, node) = (command as u8, node as u8);
                self.put(Message::Request {
                    command,
                    attempt,
                    node,
                });
                Ok(())
            }
            Action::Submit(command) => {
                self.begin_attempt(setup, command);
                self.submit(command);
                Ok(())
            }
            Action::Consume(node) => {
                self.consume(setup, node);
                Ok(())
            }
            Action::Look(node) => {
                self.nodes[node].look(&self.events.records);
                Ok(())
            }
            Action::Land(message) => {
                let message = self.network.remove(message);
                self.land(setup, message, facts);
                Ok(())
            }
            Action::LandTwice(message) => {
                self.left.doubles -= 1;
                self.land(setup, self.network[message].clone(), facts);
                Ok(())
            }
            Action::Acknowledge(node) => self.acknowledge(setup, node, facts),
            Action::HandOver(node) => {
                self.hand_over(setup, node);
                Ok(())
            }
            Action::Crash(node) => {
                self.left.crashes -= 1;
                self.nodes[node] = Node::start(node, self.nodes[node].process + 1);
                self.network.retain(|it| !it.is_request_to(node));
                Ok(())
            }
        };
        if done.is_err() {
            self.broken = Some("a node found the log damaged");
        }
    }

    fn claim(&mut self, setup: &Setup, node: usize) -> Result<(), LogError> {
        self.left.claims -= 1;
        let claim = self.nodes[node].claim(&self.events.records)?;
        self.answer(setup, node);
        self.send(node, 0, 0, Record::claim(claim));
        Ok(())
    }

    /// A client sends its command, for the first time or again. An owner that has not yet decided what
    /// it sent directly before will not: nobody waits for that any more.
    fn begin_attempt(&mut self, setup: &Setup, command: usize) {
        let heard = self.clients.iter().filter_map(Client::accepted).max();
        let client = &mut self.clients[command];
        if client.attempts == 0 {
            client.after = heard.unwrap_or(0);
        }
        client.attempts += 1;
        if !setup.lacks(Mutant::DecidesWhatWasGivenUp) {
            self.network.retain(|it| !it.is_request_of(command));
        }
    }

    fn submit(&mut self, command: usize) {
        let client = &mut self.clients[command];
        client.in_topic = true;
        let (command, attempt) = (command as u8, client.attempts);
        self.put(Message::Command { command, attempt });
    }

    /// An owner takes a direct request.
    fn take(&mut self, setup: &Setup, node: usize, command: u8, attempt: u8) {
        let caller = Caller {
            command,
            attempt,
            offset: None,
            answer: Answer::Fenced,
        };
        let records = self.nodes[node].take(setup, caller);
        self.answer(setup, node);
        self.send_batch(node, records);
    }

    fn consume(&mut self, setup: &Setup, node: usize) {
        let offset = self.nodes[node].consumed;
        let (command, attempt) = self.commands[offset as usize];
        let caller = Caller {
            command,
            attempt,
            offset: Some(offset),
            answer: Answer::Fenced,
        };
        self.nodes[node].consumed += 1;
        let records = self.nodes[node].take(setup, caller);
        if setup.lacks(Mutant::TrustsTheGroupsOffset) {
            self.committed = self.committed.max(offset + 1);
        }
        self.answer(setup, node);
        self.send_batch(node, records);
    }

    fn send_batch(&mut self, node: usize, records: Vec<Record>) {
        let batch =
            (self.nodes[node].oldest as usize + self.nodes[node].under_way.len()).saturating_sub(1);
        for (record, index) in records.into_iter().zip(0..) {
            self.send(node, batch as u8, index, record);
        }
    }

    fn send(&mut self, number: usize, batch: u8, index: u8, record: Record) {
        let node = &self.nodes[number];
        let from = [number as u8, node.process, node.term, batch, index];
        self.put(Message::Event { from, record });
    }

    fn put(&mut self, message: Message) {
        let at = self
            .network
            .partition_point(|other| other.order() <= message.order());
        self.network.insert(at, message);
    }

    fn land(&mut self, setup: &Setup, message: Message, facts: impl Fn(&[Record]) -> Arc<Facts>) {
        match message {
            Message::Command { command, attempt } => self.commands.push((command, attempt)),
            Message::Request {
                command,
                attempt,
                node,
            } => self.take(setup, node.into(), command, attempt),
            Message::Event { from, record } => {
                let offset = self.events.records.len() as Offset;
                let mut records = self.events.records.to_vec();
                records.push(record);
                self.events = Log::new(records, facts);
                let [number, process, term, batch, index] = from;
                let node = &mut self.nodes[usize::from(number)];
                if (node.process, node.term) == (process, term) {
                    node.landed(batch, index, offset);
                }
            }
        }
    }

    fn acknowledge(
        &mut self,
        setup: &Setup,
        number: usize,
        facts: impl Fn(&[Record]) -> Arc<Facts>,
    ) -> Result<(), LogError> {
        let node = &mut self.nodes[number];
        let Some(appended) = node.next_acknowledged() else {
            return Ok(());
        };
        if let (Role::Claiming, factum_core::Appended::At(offset)) = (node.role, appended) {
            if node.claim_landed(setup, &self.events.records, offset)? {
                let known = node.writer.known() as usize;
                node.take_over(setup, &facts(&self.events.records[..known]));
                if setup.lacks(Mutant::TrustsTheGroupsOffset) {
                    node.consumed = self.committed;
                }
            }
            self.answer(setup, number);
            return Ok(());
        }
        let step = node.acknowledged(&self.events.records, appended)?;
        self.answer(setup, number);
        match step {
            Step::Superseded => self.nodes[number].stand_down(),
            Step::Claim if self.left.claims > 0 => self.claim(setup, number)?,
            Step::Claim => self.nodes[number].stand_down(),
            _ => self.finish_drained(number),
        }
        Ok(())
    }

    fn hand_over(&mut self, setup: &Setup, number: usize) {
        self.left.hand_overs -= 1;
        let node = &mut self.nodes[number];
        node.role = Role::Draining;
        if setup.lacks(Mutant::GivesUpUndrained) {
            node.stand_down();
            node.writer.settle_claim(); // settles whatever is pending as void
        }
        self.answer(setup, number);
        self.finish_drained(number);
    }

    fn finish_drained(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        if node.role == Role::Draining && node.is_quiet() {
            node.stand_down();
            self.handed_over = true;
        }
    }

    /// Answers the callers whose commits are settled.
    fn answer(&mut self, setup: &Setup, node: usize) {
        let settled: Vec<_> = self.nodes[node].writer.take_settled().collect();
        for (callers, fate) in settled {
            for caller in callers {
                // What is in the topic, the next owner decides again.
                let again = caller.offset.is_some() && !setup.lacks(Mutant::FencesTheTopic);
                match fate {
                    Fate::Valid => self.tell(&caller, caller.answer),
                    Fate::Void if again => {}
                    Fate::Void => self.tell(&caller, Answer::Fenced),
                }
            }
        }
    }

    fn tell(&mut self, caller: &Caller, answer: Answer) {
        let client = &mut self.clients[usize::from(caller.command)];
        let listens = client.attempts == caller.attempt;
        match (answer, client.answer) {
            (Answer::Fenced, _) => client.fenced |= 1 << caller.attempt,
            (Answer::Accepted(_), Some(Answer::Accepted(_))) if client.answer != Some(answer) => {
                self.broken = Some("a command was acknowledged twice, as two different things");
            }
            (Answer::Accepted(_), None) => client.answer = Some(answer),
            (Answer::Rejected, None) if listens => client.answer = Some(answer),
            _ => {}
        }
    }
}

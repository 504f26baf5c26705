//! The whole system in one state: two partitions, the network before them, nodes and clients.

use std::sync::Arc;

use factum_core::{Fate, Header, LogError, Offset, Step};

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
}

impl Message {
    fn order(&self) -> [u8; 5] {
        match self {
            Self::Event { from, .. } => *from,
            Self::Command { command, attempt } => [u8::MAX, *command, *attempt, 0, 0],
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
    /// Someone said that its command is rejected, whether or not it was still listening.
    pub said_rejected: bool,
}

/// One thing that happens. A time-out, a pause and a loss of a record are things that happen late,
/// or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A node to which the group gave the partition asks for it.
    Claim(usize),
    /// A client sends its command to an owner, for the first time or again.
    Execute(usize, usize),
    /// A client sends its command to the commands topic, for the first time or again.
    Submit(usize),
    /// An owner takes the next record of the commands topic.
    Consume(usize),
    /// An owner appends a progress marker, for the rejected callers that wait.
    Mark(usize),
    /// An owner reads to the end, to learn whether it still owns the partition, for the rejected
    /// callers that reached it directly.
    Confirm(usize),
    /// A record lands, and is acknowledged to its sender.
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
        for message in 0..self.network.len() {
            actions.push(Action::Land(message));
            if self.left.doubles > 0 {
                actions.push(Action::LandTwice(message));
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
        let sticks = client.in_topic && setup.mutant != Some(Mutant::LeavesTheTopic);
        if path != Path::Topic && !sticks {
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
        if matches!(node.role, Role::Owning | Role::Draining)
            && node.can_confirm(&self.events.records)
        {
            actions.push(Action::Confirm(number));
        }
        if matches!(node.role, Role::Owning | Role::Draining) && !node.rejected.is_empty() {
            actions.push(Action::Mark(number));
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
            Action::Claim(node) => self.claim(node),
            Action::TimeOut(node) => self.claim(node),
            Action::Execute(command, node) => {
                self.execute(setup, command, node);
                Ok(())
            }
            Action::Submit(command) => {
                self.submit(command);
                Ok(())
            }
            Action::Consume(node) => {
                self.consume(setup, node);
                Ok(())
            }
            Action::Mark(node) => {
                let records = self.nodes[node].mark();
                self.send_batch(node, records);
                Ok(())
            }
            Action::Confirm(node) => self.confirm(node),
            Action::Land(message) => {
                let message = self.network.remove(message);
                self.land(message, facts);
                Ok(())
            }
            Action::LandTwice(message) => {
                self.left.doubles -= 1;
                self.land(self.network[message].clone(), facts);
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
                Ok(())
            }
        };
        if done.is_err() {
            self.broken = Some("a node found the log damaged");
        }
    }

    fn claim(&mut self, node: usize) -> Result<(), LogError> {
        self.left.claims -= 1;
        for caller in std::mem::take(&mut self.nodes[node].unconfirmed) {
            self.tell(&caller.0, Answer::Fenced);
        }
        let claim = self.nodes[node].claim(&self.events.records)?;
        self.answer(node);
        let record = Record {
            account: None,
            header: Header::Claim(claim),
        };
        self.send(node, 0, 0, record);
        Ok(())
    }

    fn execute(&mut self, setup: &Setup, command: usize, node: usize) {
        self.clients[command].attempts += 1;
        let caller = Caller {
            command: command as u8,
            attempt: self.clients[command].attempts,
            offset: None,
            answer: Answer::Fenced,
        };
        let records = self.nodes[node].take(setup, caller);
        self.answer(node);
        self.send_batch(node, records);
    }

    fn submit(&mut self, command: usize) {
        let client = &mut self.clients[command];
        client.attempts += 1;
        client.in_topic = true;
        let (command, attempt) = (command as u8, client.attempts);
        self.put(Message::Command { command, attempt });
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
        if setup.mutant == Some(Mutant::TrustsTheGroupsOffset) {
            self.committed = self.committed.max(offset + 1);
        }
        self.answer(node);
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

    fn land(&mut self, message: Message, facts: impl Fn(&[Record]) -> Arc<Facts>) {
        match message {
            Message::Command { command, attempt } => self.commands.push((command, attempt)),
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
                node.take_over(setup, &facts(&self.events.records[..known]), &self.commands);
                if setup.mutant == Some(Mutant::TrustsTheGroupsOffset) {
                    node.consumed = self.committed;
                }
            }
            self.answer(number);
            return Ok(());
        }
        let step = node.acknowledged(&self.events.records, appended)?;
        self.answer(number);
        match step {
            Step::Superseded => self.nodes[number].stand_down(),
            Step::Claim if self.left.claims > 0 => self.claim(number)?,
            Step::Claim => self.nodes[number].stand_down(),
            _ => self.finish_drained(number),
        }
        Ok(())
    }

    fn confirm(&mut self, node: usize) -> Result<(), LogError> {
        for caller in self.nodes[node].confirm(&self.events.records)? {
            self.tell(&caller, caller.answer);
        }
        self.answer(node);
        self.finish_drained(node);
        Ok(())
    }

    fn hand_over(&mut self, setup: &Setup, number: usize) {
        self.left.hand_overs -= 1;
        let node = &mut self.nodes[number];
        node.role = Role::Draining;
        if setup.mutant == Some(Mutant::GivesUpUndrained) {
            node.stand_down();
            node.writer.settle_claim(); // settles whatever is pending as void
        }
        self.answer(number);
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
    fn answer(&mut self, node: usize) {
        let settled: Vec<_> = self.nodes[node].writer.take_settled().collect();
        for (callers, fate) in settled {
            for caller in callers {
                match fate {
                    Fate::Valid => self.tell(&caller, caller.answer),
                    Fate::Void if caller.offset.is_none() => self.tell(&caller, Answer::Fenced),
                    Fate::Void => {} // its command is in the topic, for the next owner
                }
            }
        }
    }

    fn tell(&mut self, caller: &Caller, answer: Answer) {
        let client = &mut self.clients[usize::from(caller.command)];
        let listens = client.attempts == caller.attempt;
        client.said_rejected |= answer == Answer::Rejected;
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

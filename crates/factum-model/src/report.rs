//! Runs a check, and tells what it found so that a reader can follow.

use std::fmt;
use std::time::{Duration, Instant};

use factum_core::{EventHeader, Header};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

use crate::{Action, Answer, Message, Protocol, Setup, World};

/// What a check found.
#[derive(Debug)]
pub struct Report {
    /// The setup's name.
    pub name: &'static str,
    /// How many different states there are.
    pub states: usize,
    /// How many steps lead from one to another.
    pub steps: usize,
    /// The length of the longest of the shortest ways to a state.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The properties that don't hold, each with a shortest way to a state that shows it.
    pub violations: Vec<(&'static str, Vec<String>)>,
    /// What was to be reached, and was not.
    pub unreached: Vec<&'static str>,
}

/// Checks every state within a setup's bounds, on one thread, or up to the first violation.
pub fn check(setup: Setup) -> Report {
    check_until(setup, HasDiscoveries::AnyFailures)
}

/// Checks the states within a setup's bounds, on one thread, up to one that breaks the property of
/// this name.
pub fn search(setup: Setup, property: &'static str) -> Report {
    check_until(setup, HasDiscoveries::AllOf([property].into()))
}

fn check_until(setup: Setup, end: HasDiscoveries) -> Report {
    let (name, started) = (setup.name, Instant::now());
    let checker = Protocol::new(setup)
        .checker()
        .finish_when(end)
        .spawn_bfs()
        .join();
    let found = checker.discoveries();
    let properties = checker.model().properties();
    let mut violations = Vec::new();
    let mut unreached = Vec::new();
    for property in properties {
        match (property.expectation, found.get(property.name)) {
            (Expectation::Sometimes, None) => unreached.push(property.name),
            (Expectation::Sometimes, Some(_)) | (_, None) => {}
            (_, Some(path)) => {
                let steps = path.clone().into_vec();
                let step = |(world, action): (World, Option<Action>)| Some(tell(&world, action?));
                violations.push((property.name, steps.into_iter().filter_map(step).collect()));
            }
        }
    }
    Report {
        name,
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        took: started.elapsed(),
        violations,
        unreached,
    }
}

fn tell(world: &World, action: Action) -> String {
    match action {
        Action::Land(message) => format!("{} lands", record(&world.network[message])),
        Action::LandTwice(message) => {
            format!(
                "{} lands, and a copy stays under way",
                record(&world.network[message])
            )
        }
        Action::Claim(node) => format!("node {node} reads to the end and sends a claim"),
        Action::Execute(command, node) => format!("command {command} is sent to node {node}"),
        Action::Submit(command) => format!("command {command} is sent to the commands topic"),
        Action::Consume(node) => {
            let offset = world.nodes[node].consumed;
            let (command, _) = world.commands[offset as usize];
            format!(
                "node {node} takes command {command} from offset {offset} of the commands topic"
            )
        }
        Action::Look(node) => format!("node {node} asks for the partition's end"),
        Action::Acknowledge(node) => format!("node {node} takes in an acknowledgement"),
        Action::TimeOut(node) => format!("node {node} waited too long: it sends another claim"),
        Action::HandOver(node) => format!("node {node} is asked to give up the partition"),
        Action::Crash(node) => format!("node {node} dies, and is started again"),
    }
}

fn record(message: &Message) -> String {
    match message {
        Message::Command { command, attempt } => {
            format!("the record of command {command}, attempt {attempt},")
        }
        Message::Request {
            command,
            attempt,
            node,
        } => format!("command {command}, attempt {attempt}, sent to node {node},"),
        Message::Event {
            from: [node, ..],
            record,
        } => match (record.header, record.event()) {
            (Header::Claim(claim), _) => format!("node {node}'s claim of epoch {}", claim.epoch),
            (_, event) => format!("node {node}'s {}", word(record.told, event)),
        },
    }
}

fn word(told: Option<Answer>, event: Option<&EventHeader<'_>>) -> String {
    let what = match told {
        None => "event",
        Some(Answer::Rejected) => "word of a rejection",
        Some(_) => "word of a copy",
    };
    let event = event.copied().unwrap_or_default();
    let command = event.command.as_u128().wrapping_sub(1);
    let (epoch, sequence) = (event.stamp.epoch, event.stamp.sequence);
    format!("{what} of epoch {epoch}, sequence {sequence} (command {command})")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            states,
            steps,
            depth,
            took,
            ..
        } = self;
        write!(
            f,
            "{name:<24} {states:>9} states {steps:>9} steps, depth {depth:>2}, {took:.1?}"
        )?;
        for (property, steps) in &self.violations {
            write!(f, "\n  broken: {property}")?;
            for (step, number) in steps.iter().zip(1..) {
                write!(f, "\n    {number:>2}. {step}")?;
            }
        }
        // A violation ends the check before all is reached.
        let sound = self.violations.is_empty();
        for property in self.unreached.iter().filter(|_| sound) {
            write!(f, "\n  never reached: {property}")?;
        }
        Ok(())
    }
}

//! What must hold in every state, and what must be reached, so that nothing holds for want of trying.

use factum_core::Offset;

use crate::Account;
use crate::log::{Commit, Facts};
use crate::model::Protocol;
use crate::node::{Answer, Role};
use crate::world::{Client, World};

/// A condition and its name.
pub type Condition = (&'static str, fn(&Protocol, &World) -> bool);

/// Must hold in every state.
pub const ALWAYS: &[Condition] = &[
    (
        "an acknowledged command is valid, once, as its receipt says",
        acknowledged_is_valid,
    ),
    ("no command takes effect twice", takes_effect_once),
    (
        "where a caller heard that nothing happened, nothing did",
        fenced_is_void,
    ),
    (
        "a command answered as rejected never takes effect",
        rejected_is_void,
    ),
    ("sequences and versions are dense", |_, world| {
        world.events.facts.dense
    }),
    ("all readers agree", |_, world| {
        world.events.facts.readers_agree
    }),
    ("damage of the log shows", |_, world| {
        world.events.facts.damage_shows
    }),
    ("nothing takes an intact log for damaged", nobody_stumbles),
    (
        "commands of the topic take effect in its order",
        keeps_the_topics_order,
    ),
    ("no command of the topic is passed over", passes_none_over),
    (
        "at rest, every command of the topic was handled",
        handles_all,
    ),
];

/// Must be reached, where the setup says so.
pub const SOMETIMES: &[Condition] = &[
    ("a command is acknowledged", |_, world| {
        world.clients.iter().any(is_accepted)
    }),
    ("all commands are answered", |_, world| {
        world.clients.iter().all(|client| client.answer.is_some())
    }),
    (
        "a command is acknowledged after a takeover",
        acknowledged_after_takeover,
    ),
    ("a caller hears that it was fenced", |_, world| {
        world.clients.iter().any(|client| client.fenced != 0)
    }),
    ("a late record is void", |_, world| {
        world.events.facts.void > 0
    }),
    ("a repeated command is recognised", recognised),
    (
        "a command of the topic outlives the owner that took it first",
        outlives,
    ),
    ("a command of the topic is rejected", |_, world| {
        let rejected = |client: &Client| client.in_topic && client.answer == Some(Answer::Rejected);
        world.clients.iter().any(rejected)
    }),
    ("an owner was drained and handed over", |_, world| {
        world.handed_over
    }),
    (
        "two nodes believe that they own the partition",
        |_, world| {
            world
                .nodes
                .iter()
                .filter(|node| node.role == Role::Owning)
                .count()
                > 1
        },
    ),
];

fn is_accepted(client: &Client) -> bool {
    matches!(client.answer, Some(Answer::Accepted(_)))
}

fn clients(world: &World) -> impl Iterator<Item = (u8, &Client)> {
    (0..).zip(&world.clients)
}

fn acknowledged_is_valid(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    clients(world).all(|(command, client)| match client.answer {
        Some(Answer::Accepted(last)) => {
            let lasts: Vec<_> = facts
                .of_command(command)
                .map(|commit| commit.last)
                .collect();
            lasts == [last]
        }
        _ => true,
    })
}

fn takes_effect_once(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    clients(world).all(|(command, _)| facts.of_command(command).count() <= 1)
}

fn fenced_is_void(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    clients(world).all(|(command, client)| {
        let fenced = |commit: &Commit| client.fenced & (1 << commit.attempt) != 0;
        !facts.of_command(command).any(fenced)
    })
}

fn rejected_is_void(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    clients(world).all(|(command, client)| {
        client.answer != Some(Answer::Rejected) || facts.of_command(command).next().is_none()
    })
}

fn nobody_stumbles(_: &Protocol, world: &World) -> bool {
    world.broken.is_none() && world.events.facts.readable
}

fn keeps_the_topics_order(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    let offsets: Vec<_> = facts
        .commits
        .iter()
        .filter_map(|commit| commit.offset)
        .collect();
    offsets.is_sorted_by(|one, next| one < next)
}

/// A command below the progress without an event was rejected: then, at an earlier record with its
/// id, or by an owner that it had reached directly.
fn passes_none_over(model: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    (0..facts.progress).all(|offset| {
        let (command, _) = world.commands[offset as usize];
        let earlier = (0..=offset).filter(|at| world.commands[*at as usize].0 == command);
        facts.of_command(command).next().is_some()
            || world.clients[usize::from(command)].said_rejected
            || earlier
                .into_iter()
                .any(|at| is_rejected_at(model, facts, command, at))
    })
}

/// Whether the command would be rejected somewhere between the events of the topic's commands
/// before and after it.
fn is_rejected_at(model: &Protocol, facts: &Facts, command: u8, offset: Offset) -> bool {
    let commits = &facts.commits;
    let before = |commit: &Commit| commit.offset.is_some_and(|other| other < offset);
    let after = |commit: &Commit| commit.offset.is_some_and(|other| other >= offset);
    let from = commits.iter().rposition(before).map_or(0, |last| last + 1);
    let to = commits.iter().position(after).unwrap_or(commits.len());
    let command = &model.setup.commands[usize::from(command)];
    (from..=to).any(|place| {
        let mut account = Account::default();
        for commit in commits[..place]
            .iter()
            .filter(|commit| commit.account == Some(command.account))
        {
            let asked = commit
                .command
                .map(|by| model.setup.commands[usize::from(by)].ask);
            asked.into_iter().for_each(|ask| account.apply(ask));
        }
        account.decide(command.ask).is_none()
    })
}

fn handles_all(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    let rests = world.nodes.iter().any(|node| {
        node.role == Role::Owning
            && node.writer.rule().epoch() == facts.epoch
            && node.is_quiet()
            && node.consumed == world.commands.len() as Offset
    });
    let handled = |(offset, (command, _)): (Offset, &(u8, u8))| {
        offset < facts.progress
            || facts.of_command(*command).next().is_some()
            || world.clients[usize::from(*command)].said_rejected
    };
    !rests || (0..).zip(&world.commands).all(handled)
}

fn acknowledged_after_takeover(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    let late = |commit: &Commit| commit.epoch > 1;
    clients(world)
        .any(|(command, client)| is_accepted(client) && facts.of_command(command).any(late))
}

fn recognised(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    clients(world).any(|(command, client)| {
        let earlier = |commit: &Commit| commit.attempt < client.attempts;
        is_accepted(client) && client.attempts > 1 && facts.of_command(command).any(earlier)
    })
}

/// Acknowledged under a later epoch, while an event of an earlier one stands void in the log.
fn outlives(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    let late = |commit: &Commit| commit.epoch > 1 && commit.offset.is_some();
    let again = |(command, client): (u8, &Client)| {
        is_accepted(client) && client.attempts == 1 && facts.of_command(command).any(late)
    };
    facts.void > 0 && clients(world).any(again)
}

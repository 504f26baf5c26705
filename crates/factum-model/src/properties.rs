//! What must hold in every state, and what must be reached, so that nothing holds for want of trying.

use factum_core::Offset;

use crate::Account;
use crate::log::Commit;
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
    (
        "what the log says was rejected has no events",
        told_rejected_is_void,
    ),
    (
        "a rejection was right after its command was sent",
        rejections_are_right,
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
        "commands of the topic leave their commits in its order, one each",
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
    ("a command is rejected directly", |_, world| {
        let rejected =
            |client: &Client| !client.in_topic && client.answer == Some(Answer::Rejected);
        world.clients.iter().any(rejected)
    }),
    (
        "a copy of a rejected command gets its answer",
        |_, world| {
            let commits = &world.events.facts.commits;
            (0..commits.len()).any(|at| {
                let copy = |it: &Commit| it.command == commits[at].command && it.told.is_some();
                copy(&commits[at]) && commits[..at].iter().any(copy)
            })
        },
    ),
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
    client.accepted().is_some()
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

fn told_rejected_is_void(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    let mut rejected = facts
        .commits
        .iter()
        .filter(|commit| commit.told == Some(Answer::Rejected));
    rejected.all(|commit| facts.of_command(commit.command).next().is_none())
}

/// At some moment behind all that any client had heard of before.
fn rejections_are_right(model: &Protocol, world: &World) -> bool {
    let commits = &world.events.facts.commits;
    clients(world).all(|(command, client)| {
        let heard = |commit: &Commit| commit.last <= client.after;
        let from = commits.iter().take_while(|it| heard(it)).count();
        client.answer != Some(Answer::Rejected)
            || (from..=commits.len()).any(|place| rejects(model, &commits[..place], command))
    })
}

/// Whether a command would be rejected behind these commits.
fn rejects(model: &Protocol, commits: &[Commit], command: u8) -> bool {
    let command = model.setup.commands[usize::from(command)];
    let mut account = Account::default();
    let own = |commit: &&Commit| commit.account == command.account && commit.told.is_none();
    for commit in commits.iter().filter(own) {
        account.apply(model.setup.commands[usize::from(commit.command)].ask);
    }
    account.decide(command.ask).is_none()
}

fn keeps_the_topics_order(_: &Protocol, world: &World) -> bool {
    let commits = &world.events.facts.commits;
    let offsets: Vec<_> = commits.iter().filter_map(|commit| commit.offset).collect();
    offsets.is_sorted_by(|one, next| one < next)
}

/// Below the newest command that has a commit, each has one: its own.
fn passes_none_over(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    (0..facts.progress).all(|offset| {
        let (command, _) = world.commands[offset as usize];
        let mut commits = facts.commits.iter();
        commits.any(|commit| commit.offset == Some(offset) && commit.command == command)
    })
}

fn handles_all(_: &Protocol, world: &World) -> bool {
    let facts = &world.events.facts;
    let all = world.commands.len() as Offset;
    let rests = world.nodes.iter().any(|node| {
        node.role == Role::Owning
            && node.writer.rule().epoch() == facts.epoch
            && node.is_quiet()
            && node.consumed == all
    });
    !rests || facts.progress == all
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

//! The sizes that are checked.

use crate::Path::{Direct, Either, Topic};
use crate::{Ask, Command, Limits, Path, Setup};

const DEPOSIT: Ask = Ask::Deposit(1);
const TWO_EVENTS: Ask = Ask::Deposit(2);

fn setup<const N: usize>(
    name: &'static str,
    nodes: u8,
    commands: [(Ask, Path, u8); N],
    limits: Limits,
    reaches: &'static [&'static str],
) -> Setup {
    let command = |(ask, path, attempts)| Command {
        account: 0,
        ask,
        path,
        attempts,
    };
    Setup {
        name,
        nodes,
        commands: commands.map(command).to_vec(),
        routing: commands.iter().any(|(_, path, _)| *path != Direct),
        limits,
        reaches,
        mutant: None,
        before_step: || (),
    }
}

const fn limits(claims: u8, crashes: u8, doubles: u8, hand_overs: u8) -> Limits {
    Limits {
        claims,
        crashes,
        doubles,
        hand_overs,
    }
}

/// Three nodes ask for the partition at the same time, and one dies.
pub fn claims() -> Setup {
    let reaches = &[
        "a command is acknowledged",
        "two nodes believe that they own the partition",
        "a late record is void",
    ];
    setup(
        "claims",
        3,
        [(DEPOSIT, Direct, 1)],
        limits(3, 1, 0, 0),
        reaches,
    )
}

/// Two commits under way at once, to two accounts; records land late, twice, in any order.
pub fn commits() -> Setup {
    let reaches = &[
        "all commands are answered",
        "a caller hears that it was fenced",
    ];
    let commands = [(TWO_EVENTS, Direct, 1), (DEPOSIT, Direct, 1)];
    let mut setup = setup("commits", 2, commands, limits(2, 0, 1, 0), reaches);
    setup.commands[1].account = 1;
    setup
}

/// Two commits of two events each, which a takeover may tear.
pub fn torn() -> Setup {
    let reaches = &["all commands are answered", "a late record is void"];
    let commands = [(TWO_EVENTS, Direct, 1), (TWO_EVENTS, Direct, 1)];
    setup("torn commits", 2, commands, limits(2, 0, 0, 0), reaches)
}

/// A client tries again, at whichever node believes that it owns the partition.
pub fn retries() -> Setup {
    let reaches = &[
        "a repeated command is recognised",
        "a caller hears that it was fenced",
        "a command is acknowledged after a takeover",
    ];
    let commands = [(Ask::Withdraw, Direct, 2), (DEPOSIT, Direct, 1)];
    setup("retries", 2, commands, limits(3, 0, 0, 0), reaches)
}

/// Random ids: what is rejected leaves no record, and is answered all the same only by who is the
/// owner.
pub fn answers() -> Setup {
    let reaches = &[
        "all commands are answered",
        "a command is rejected directly",
        "a caller hears that it was fenced",
    ];
    let commands = [(Ask::Withdraw, Direct, 1), (DEPOSIT, Direct, 1)];
    setup("answers", 2, commands, limits(3, 0, 0, 0), reaches)
}

/// A command stands in the topic twice; it is rejected or not, as things come.
pub fn topic() -> Setup {
    let reaches = &[
        "all commands are answered",
        "a command of the topic is rejected",
        "a repeated command is recognised",
        "a command of the topic outlives the owner that took it first",
        "a copy of a rejected command gets its answer",
    ];
    let commands = [(Ask::Withdraw, Topic, 2), (DEPOSIT, Topic, 1)];
    setup("topic", 2, commands, limits(2, 0, 0, 0), reaches)
}

/// Owners that have taken commands of the topic die, wherever they are.
pub fn crashes() -> Setup {
    let reaches = &[
        "all commands are answered",
        "a command of the topic is rejected",
        "a command of the topic outlives the owner that took it first",
    ];
    let commands = [(Ask::Withdraw, Topic, 1), (DEPOSIT, Topic, 1)];
    setup("crashes", 2, commands, limits(2, 1, 0, 0), reaches)
}

/// A client tries both ways, while another command comes between.
pub fn both_ways() -> Setup {
    let reaches = &[
        "all commands are answered",
        "a repeated command is recognised",
        "a copy of a rejected command gets its answer",
    ];
    let commands = [(Ask::Withdraw, Either, 2), (DEPOSIT, Direct, 1)];
    setup("both ways", 2, commands, limits(2, 0, 0, 0), reaches)
}

/// An owner is asked to give up the partition, with commands of both ways under way.
pub fn hand_over() -> Setup {
    let reaches = &[
        "an owner was drained and handed over",
        "a command is acknowledged after a takeover",
        "a command of the topic is rejected",
    ];
    let commands = [(Ask::Withdraw, Topic, 1), (DEPOSIT, Direct, 1)];
    setup("hand-over", 2, commands, limits(2, 0, 0, 1), reaches)
}

/// What `cargo test` checks.
pub fn small() -> Vec<Setup> {
    vec![
        claims(),
        commits(),
        torn(),
        retries(),
        answers(),
        topic(),
        crashes(),
        both_ways(),
        hand_over(),
    ]
}

/// The same with more of what may happen, for minutes on one core.
pub fn deeper() -> Vec<Setup> {
    let more = |setup: Setup, nodes, limits| Setup {
        nodes,
        limits,
        ..setup
    };
    vec![
        more(claims(), 3, limits(3, 1, 1, 0)),
        more(commits(), 2, limits(2, 1, 1, 0)),
        more(torn(), 2, limits(3, 0, 0, 0)),
        more(retries(), 3, limits(3, 1, 0, 0)),
        more(answers(), 3, limits(3, 1, 0, 0)),
        more(topic(), 2, limits(2, 1, 0, 0)),
        more(crashes(), 2, limits(3, 1, 0, 0)),
        more(both_ways(), 2, limits(2, 1, 0, 0)),
        more(hand_over(), 2, limits(3, 1, 0, 1)),
    ]
}

//! What goes wrong, and when.

use std::time::Duration;

use crate::chance::Chance;
use crate::node::Node;
use crate::world::{Weather, World};

/// The weather of a run.
pub fn draw_weather(chance: &mut Chance) -> Weather {
    let mut share = |most: u64| match chance.strikes(500) {
        true => 0,
        false => chance.below(most),
    };
    Weather {
        lost: share(60),
        unanswered: share(60),
        late: share(80),
        torn: share(60),
        doubled: share(60),
        scattered: share(60),
        questions: share(50),
        readers: share(30),
        foreign: share(30),
        delay: chance.one_of(&[2, 10, 50, 300]),
    }
}

/// No wind at all.
pub const CALM: Weather = Weather {
    lost: 0,
    unanswered: 0,
    late: 0,
    torn: 0,
    doubled: 0,
    scattered: 0,
    questions: 0,
    readers: 0,
    foreign: 0,
    delay: 5,
};

/// Strikes again and again, for ever.
pub async fn strike(world: World, nodes: Vec<Node>) {
    let busy = world.draw(|chance| chance.one_of(&[1500, 5000, 15_000, 60_000]));
    loop {
        tokio::time::sleep(world.draw(|chance| chance.millis(50, busy))).await;
        let node = nodes[world.draw(|chance| chance.below(nodes.len() as u64)) as usize].clone();
        match world.draw(|chance| chance.below(9)) {
            0 | 1 => {
                node.kill();
                later(&world, 5000, move || node.start());
            }
            2 | 3 => {
                node.freeze(true);
                later(&world, 10_000, move || node.freeze(false));
            }
            4 => {
                let (patience, rest) =
                    world.draw(|chance| (chance.millis(0, 20_000), chance.delay(3000)));
                tokio::spawn(async move {
                    node.stop(patience).await;
                    tokio::time::sleep(rest).await;
                    node.start();
                });
            }
            5 | 6 => node.cut(world.draw(|chance| chance.millis(0, 12_000))),
            7 => {
                let away = world.draw(|chance| chance.delay(7000));
                world.note(format_args!("the broker is away for {away:?}"));
                let until = world.now() + away;
                world.state().away = until;
            }
            _ => {
                world.note(format_args!("partitions change hands"));
                let groups: Vec<_> = world.state().groups.keys().cloned().collect();
                for group in groups {
                    world.regroup(&group, |group, now| group.turn(now));
                }
            }
        }
    }
}

/// Does something after a while that is drawn.
fn later(world: &World, bound: u64, act: impl FnOnce() + Send + 'static) {
    let wait = world.draw(|chance| chance.delay(bound));
    tokio::spawn(async move {
        tokio::time::sleep(wait).await;
        act();
    });
}

/// Mends everything.
pub fn mend(world: &World, nodes: &[Node]) {
    {
        let mut state = world.state();
        state.weather = CALM;
        state.away = Duration::ZERO;
        for link in &mut state.links {
            link.cut = Duration::ZERO;
        }
    }
    world.note(format_args!("everything is mended"));
    for node in nodes {
        node.freeze(false);
        node.start();
    }
}

//! Which letters are touched together, by what workers hold back. Pure.

use std::collections::HashSet;

use crate::letter::Head;
use crate::parked::{Lane, Lanes, Parked};

/// Chooses letters of a partition from the last to the first: those that are wanted, and all that hold one of them back.
#[derive(Debug, Default)]
pub(super) struct Backwards(HashSet<Lane>);

/// Sorts letters of a partition from the first to the last by what becomes of them if those that are wanted go away.
#[derive(Debug, Default)]
pub(super) struct Forwards(Parked);

impl Backwards {
    /// Whether a letter is to be replayed. Letters come in falling order.
    pub(super) fn take(&mut self, head: &Head) -> bool {
        let lanes = lanes(head);
        let chosen = head.wanted || lanes.kept().any(|lane| self.0.contains(&lane));
        if chosen {
            self.0.extend(lanes.held_by());
        }
        chosen
    }
}

impl Forwards {
    /// Whether a letter stays that comes behind one that goes away. Letters come in rising order.
    pub(super) fn is_behind(&mut self, head: &Head) -> bool {
        let lanes = lanes(head);
        let behind = !head.wanted && self.0.holds_back(&lanes);
        if head.wanted || behind {
            self.0.park(&lanes);
        }
        behind
    }

    /// What a letter keeps parked.
    pub(super) fn keys(head: &Head) -> impl Iterator<Item = Lane> {
        lanes(head).kept().collect::<Vec<_>>().into_iter()
    }
}

/// Where a letter belongs, in a partition of which only its own letters are spoken of.
fn lanes(head: &Head) -> Lanes {
    Lanes::new(0, &head.aggregate, &head.keys)
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::replay::page;

    fn draw(random: &mut StdRng, sequence: u64) -> Head {
        let count = random.random_range(0..3);
        let keys: Vec<u32> = (0..count).map(|_| random.random_range(0..5)).collect();
        Head {
            sequence,
            aggregate: random.random_range(0..4).to_string(),
            keys: keys.iter().map(u32::to_string).collect(),
            wanted: random.random_range(0..4) == 0,
            bytes: 1,
        }
    }

    /// What a worker replays if just these letters are marked.
    fn replayed(heads: &[Head], marked: &[bool]) -> Vec<u64> {
        let mark = |(head, &wanted): (&Head, &bool)| Head {
            wanted,
            ..head.clone()
        };
        let heads: Vec<_> = heads.iter().zip(marked).map(mark).collect();
        page(0, &heads, &Parked::default(), usize::MAX).replay
    }

    #[test]
    fn a_worker_replays_all_that_is_chosen_and_nothing_can_be_left_out() {
        for seed in 0..2000 {
            let mut random = StdRng::seed_from_u64(seed);
            let count = random.random_range(1..20);
            let heads: Vec<_> = (1..=count).map(|it| draw(&mut random, it)).collect();
            let mut backwards = Backwards::default();
            let mut chosen: Vec<_> = heads.iter().rev().map(|it| backwards.take(it)).collect();
            chosen.reverse();
            let marked = chosen.iter().filter(|it| **it).count();
            assert_eq!(replayed(&heads, &chosen).len(), marked, "{seed}: {heads:?}");
            let wanted: Vec<_> = heads
                .iter()
                .filter(|it| it.wanted)
                .map(|it| it.sequence)
                .collect();
            for (at, head) in heads
                .iter()
                .enumerate()
                .filter(|(at, it)| chosen[*at] && !it.wanted)
            {
                let mut without = chosen.clone();
                without[at] = false;
                let replayed = replayed(&heads, &without);
                assert!(
                    wanted.iter().any(|it| !replayed.contains(it)),
                    "{seed}: {head:?}"
                );
            }
        }
    }

    #[test]
    fn those_behind_are_of_the_same_key() {
        let head = |key: &str, wanted| Head {
            sequence: 1,
            aggregate: "a".into(),
            keys: vec![key.into()],
            wanted,
            bytes: 1,
        };
        let mut forwards = Forwards::default();
        assert!(!forwards.is_behind(&head("k", false)), "it came before");
        assert!(!forwards.is_behind(&head("k", true)), "it goes itself");
        assert!(forwards.is_behind(&head("k", false)));
        assert!(!forwards.is_behind(&head("other", false)));
    }
}

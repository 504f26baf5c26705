//! Which dead letters to replay together. Pure.

use crate::letter::Head;
use crate::parked::{Lanes, Parked};

/// Letters of one partition, to be replayed in one transaction.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Those to replay, in order.
    pub replay: Vec<u64>,
    /// Those that were asked for and stay, behind letters that were not.
    pub stay: Vec<u64>,
    /// Where each letter belongs that stays, asked for or not, in order.
    pub aside: Vec<(u64, Lanes)>,
    /// The last letter that it speaks of.
    pub last: u64,
}

/// Takes letters of a partition, in order, up to records of `room` bytes: those that are wanted are to be
/// replayed, unless one that stays holds them back. `blocked` knows those that stay on the pages before.
pub(crate) fn page(partition: u32, heads: &[Head], blocked: &Parked, room: usize) -> Page {
    let (mut page, mut bytes, mut held) = (Page::default(), 0, Parked::default());
    for head in heads {
        let lanes = Lanes::new(partition, &head.aggregate, &head.keys);
        if head.wanted && !blocked.holds_back(&lanes) && !held.holds_back(&lanes) {
            if bytes + head.bytes > room && !page.replay.is_empty() {
                break;
            }
            bytes += head.bytes;
            page.replay.push(head.sequence);
        } else {
            held.park(&lanes);
            page.stay.extend(head.wanted.then_some(head.sequence));
            page.aside.push((head.sequence, lanes));
        }
        page.last = head.sequence;
    }
    page
}

impl Page {
    /// Adds what stays to what holds letters of later pages back.
    pub(crate) fn hold_back(&self, blocked: &mut Parked) {
        self.aside.iter().for_each(|(_, lanes)| blocked.park(lanes));
    }

    /// Whether there is nothing to do about it.
    pub(crate) fn is_idle(&self) -> bool {
        self.replay.is_empty() && self.stay.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn draw(random: &mut StdRng, sequence: u64) -> Head {
        let count = random.random_range(0..3);
        let keys: Vec<u32> = (0..count).map(|_| random.random_range(0..5)).collect();
        Head {
            sequence,
            aggregate: random.random_range(0..4).to_string(),
            keys: keys.iter().map(u32::to_string).collect(),
            wanted: random.random_range(0..4) > 0,
            bytes: random.random_range(1..10),
        }
    }

    /// Whether `later` must not be replayed as long as `one` stays.
    fn holds_back(one: &Head, later: &Head) -> bool {
        let whole = one.keys.is_empty() && one.aggregate == later.aggregate;
        whole || one.keys.iter().any(|key| later.keys.contains(key))
    }

    #[test]
    fn pages_replay_what_is_wanted_and_behind_nothing_that_stays() {
        for seed in 0..3000 {
            let mut random = StdRng::seed_from_u64(seed);
            let count = random.random_range(1..30);
            let heads: Vec<_> = (1..=count).map(|it| draw(&mut random, it)).collect();
            let (room, few) = (random.random_range(1..40), random.random_range(1..8));
            let (mut blocked, mut replayed, mut stay) = (Parked::default(), vec![], vec![]);
            let mut rest = &heads[..];
            while !rest.is_empty() {
                let page = page(0, &rest[..few.min(rest.len())], &blocked, room);
                page.hold_back(&mut blocked);
                let size = |at: &u64| heads[*at as usize - 1].bytes;
                assert!(
                    page.replay.len() == 1 || page.replay.iter().map(size).sum::<usize>() <= room
                );
                rest = &heads[page.last as usize..];
                replayed.extend(page.replay);
                stay.extend(page.stay);
            }
            let mut staying: Vec<&Head> = Vec::new();
            for head in &heads {
                let held = staying.iter().any(|one| holds_back(one, head));
                assert_eq!(
                    replayed.contains(&head.sequence),
                    head.wanted && !held,
                    "{seed}"
                );
                assert_eq!(stay.contains(&head.sequence), head.wanted && held, "{seed}");
                if !head.wanted || held {
                    staying.push(head);
                }
            }
        }
    }
}

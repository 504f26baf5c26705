//! How many partitions are whose, decided by every member alike from who is there.

use std::cmp::Ordering;

/// What a member should do about what it holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Take this many more, as they become free.
    Take(usize),
    /// Give up this many.
    GiveUp(usize),
    /// Nothing.
    Rest,
}

/// The share of the member at `rank` among `members`: equal, and one more for the first ones if
/// the partitions can't be divided. The shares of all add up to all partitions.
pub(super) fn share(partitions: usize, members: usize, rank: usize) -> usize {
    partitions / members + usize::from(rank < partitions % members)
}

/// Compares what a member holds with its share.
pub(super) fn step(held: usize, share: usize) -> Step {
    match held.cmp(&share) {
        Ordering::Less => Step::Take(share - held),
        Ordering::Greater => Step::GiveUp(held - share),
        Ordering::Equal => Step::Rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_differ_by_one_at_most() {
        for partitions in 0..20 {
            for members in 1..25 {
                let shares: Vec<_> = (0..members)
                    .map(|rank| share(partitions, members, rank))
                    .collect();
                assert_eq!(shares.iter().sum::<usize>(), partitions);
                assert!(shares[0] - shares[members - 1] <= 1, "{shares:?}");
            }
        }
    }

    #[test]
    fn a_member_moves_towards_its_share() {
        assert_eq!(step(1, 3), Step::Take(2));
        assert_eq!(step(3, 1), Step::GiveUp(2));
        assert_eq!(step(2, 2), Step::Rest);
    }
}

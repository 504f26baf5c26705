//! Who in a group owns which partition: decided here, told elsewhere.

use std::collections::BTreeMap;

pub(super) type MemberId = u64;

/// What a member is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Gained(Vec<u32>),
    Revoked(Vec<u32>),
}

/// A group's members and what each of them holds.
///
/// A partition moves in two steps: its owner is told to give it up, and only when it has done so
/// is the next one told that it gained it.
pub(super) struct Group {
    owners: Vec<Option<Owner>>,
    /// What each live member has yet to be told, in order.
    members: BTreeMap<MemberId, Vec<Told>>,
    joined: MemberId,
}

#[derive(Clone, Copy)]
struct Owner {
    member: MemberId,
    giving_up: bool,
}

impl Group {
    pub(super) fn new(partitions: u32) -> Self {
        Self {
            owners: vec![None; partitions as usize],
            members: BTreeMap::new(),
            joined: 0,
        }
    }

    pub(super) fn join(&mut self) -> MemberId {
        self.joined += 1;
        self.members.insert(self.joined, Vec::new());
        self.share();
        self.joined
    }

    pub(super) fn leave(&mut self, member: MemberId) {
        self.members.remove(&member);
        for owner in &mut self.owners {
            *owner = owner.filter(|it| it.member != member);
        }
        self.share();
    }

    /// The member has given up partitions that it was told to.
    pub(super) fn given_up(&mut self, member: MemberId, partitions: &[u32]) {
        for partition in partitions {
            let owner = &mut self.owners[*partition as usize];
            *owner = owner.filter(|it| !(it.member == member && it.giving_up));
        }
        self.share();
    }

    /// The next thing that the member was not told yet.
    pub(super) fn tell(&mut self, member: MemberId) -> Option<Told> {
        let told = self.members.get_mut(&member)?;
        (!told.is_empty()).then(|| told.remove(0))
    }

    /// Takes from those who hold more than their share, and gives what is free to those with less.
    fn share(&mut self) {
        let shares = self.shares();
        for (member, share) in &shares {
            self.take(*member, *share);
        }
        for (member, share) in &shares {
            self.give(*member, *share);
        }
    }

    /// How many partitions each member should hold: equal shares, where those that hold the most
    /// keep the one more that can't be divided.
    fn shares(&self) -> Vec<(MemberId, usize)> {
        let mut members: Vec<_> = self.members.keys().copied().collect();
        members.sort_by_key(|member| std::cmp::Reverse(self.held(*member).len()));
        let (all, count) = (self.owners.len(), members.len());
        let share = |(rank, member)| (member, all / count + usize::from(rank < all % count));
        members.into_iter().enumerate().map(share).collect()
    }

    fn take(&mut self, member: MemberId, share: usize) {
        let surplus = self
            .held(member)
            .split_off(share.min(self.held(member).len()));
        for partition in &surplus {
            self.owners[*partition as usize] = Some(Owner {
                member,
                giving_up: true,
            });
        }
        self.queue(member, surplus, Told::Revoked);
    }

    fn give(&mut self, member: MemberId, share: usize) {
        let free = (0..).zip(&self.owners).filter(|(_, owner)| owner.is_none());
        let missing = share.saturating_sub(self.held(member).len());
        let gained: Vec<u32> = free.map(|(partition, _)| partition).take(missing).collect();
        for partition in &gained {
            self.owners[*partition as usize] = Some(Owner {
                member,
                giving_up: false,
            });
        }
        self.queue(member, gained, Told::Gained);
    }

    fn queue(&mut self, member: MemberId, partitions: Vec<u32>, told: fn(Vec<u32>) -> Told) {
        if let Some(queue) = self.members.get_mut(&member)
            && !partitions.is_empty()
        {
            queue.push(told(partitions));
        }
    }

    /// What a member owns and was not told to give up.
    fn held(&self, member: MemberId) -> Vec<u32> {
        let owners = (0..).zip(&self.owners);
        owners
            .filter(|(_, owner)| owner.is_some_and(|it| it.member == member && !it.giving_up))
            .map(|(partition, _)| partition)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_gained_only_once_it_was_given_up() {
        let mut group = Group::new(4);
        let first = group.join();
        assert_eq!(group.tell(first), Some(Told::Gained(vec![0, 1, 2, 3])));
        let second = group.join();
        assert_eq!(group.tell(first), Some(Told::Revoked(vec![2, 3])));
        assert_eq!(group.tell(second), None);
        group.given_up(first, &[2, 3]);
        assert_eq!(group.tell(second), Some(Told::Gained(vec![2, 3])));
    }

    #[test]
    fn what_a_leaver_held_goes_to_the_rest_and_its_late_release_changes_nothing() {
        let mut group = Group::new(3);
        let first = group.join();
        let second = group.join();
        group.leave(first);
        assert_eq!(group.tell(second), Some(Told::Gained(vec![0, 1, 2])));
        group.given_up(first, &[0, 1, 2]);
        assert_eq!(group.tell(second), None);
    }

    #[test]
    fn shares_differ_by_one_at_most() {
        let mut group = Group::new(7);
        let members: Vec<_> = (0..3).map(|_| group.join()).collect();
        for _ in 0..3 {
            for member in &members {
                while let Some(told) = group.tell(*member) {
                    if let Told::Revoked(partitions) = told {
                        group.given_up(*member, &partitions);
                    }
                }
            }
        }
        let mut held: Vec<_> = members.iter().map(|it| group.held(*it).len()).collect();
        held.sort_unstable();
        assert_eq!(held, [2, 2, 3]);
    }
}

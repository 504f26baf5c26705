//! Checks of groups.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use factum_core::{Change, Membership, Topic};
use futures::FutureExt;

use super::Handles;
use super::harness::{fresh_name, fresh_topic, open, soon};

/// A member, and what it owns by what it was told.
struct Member {
    membership: Box<dyn Membership>,
    owned: BTreeSet<u32>,
}

impl Member {
    async fn join(topic: &Arc<dyn Topic>, group: &str) -> Self {
        let membership = soon("a member joins", topic.join(group))
            .await
            .expect("a member joins");
        Self {
            membership,
            owned: BTreeSet::new(),
        }
    }

    /// Takes the next change, gives up at once what is revoked.
    async fn follow(&mut self) {
        match self.membership.next().await.expect("the group goes on") {
            Change::Gained(partitions) => {
                for partition in partitions {
                    assert!(
                        self.owned.insert(partition),
                        "{partition} is gained only when not owned"
                    );
                }
            }
            Change::Revoked {
                partitions,
                release,
            } => {
                for partition in partitions {
                    assert!(
                        self.owned.remove(&partition),
                        "{partition} is revoked only when owned"
                    );
                }
                drop(release);
            }
        }
    }

    async fn follow_until(&mut self, count: usize) {
        let done = async {
            while self.owned.len() != count {
                self.follow().await;
            }
        };
        soon("a member owns its share", done).await;
    }
}

/// Lets members follow their group until each owns `share` partitions, all of them different.
async fn settle<const N: usize>(members: &mut [Member; N], share: usize) {
    let settled = async {
        loop {
            if members.iter().all(|member| member.owned.len() == share) {
                return;
            }
            let next = members.iter_mut().map(|member| member.follow().boxed());
            futures::future::select_all(next).await;
        }
    };
    soon("the members share the partitions", settled).await;
    let all: BTreeSet<_> = members
        .iter()
        .flat_map(|member| member.owned.clone())
        .collect();
    assert_eq!(all.len(), N * share, "nobody owns what another one owns");
}

/// Alone in a group, a member owns every partition.
pub async fn a_lone_member_owns_everything(log: Handles) {
    let topic = fresh_topic(&log.here, 5).await;
    let mut member = Member::join(&topic, &fresh_name()).await;
    member.follow_until(5).await;
    soon("a member leaves", member.membership.leave())
        .await
        .expect("a member leaves");
}

/// Members of two groups each own everything.
pub async fn groups_do_not_share_with_each_other(log: Handles) {
    let topic = fresh_topic(&log.here, 3).await;
    let mut one = Member::join(&topic, &fresh_name()).await;
    let mut other = Member::join(&topic, &fresh_name()).await;
    tokio::join!(one.follow_until(3), other.follow_until(3));
}

/// A second member gets half, a third one a third.
pub async fn members_share_the_partitions(log: Handles) {
    let (name, group) = (fresh_name(), fresh_name());
    let here = open(&log.here, &name, 6).await;
    let there = open(&log.there, &name, 6).await;
    let mut first = Member::join(&here, &group).await;
    first.follow_until(6).await;
    let mut two = [first, Member::join(&there, &group).await];
    settle(&mut two, 3).await;
    let [first, second] = two;
    settle(&mut [first, second, Member::join(&here, &group).await], 2).await;
}

/// What a member owned that left goes to those who stay.
pub async fn a_leaver_is_replaced(log: Handles) {
    let mut two = two_members(&log).await;
    settle(&mut two, 2).await;
    let [mut first, second] = two;
    soon("a member leaves", second.membership.leave())
        .await
        .expect("a member leaves");
    first.follow_until(4).await;
}

/// A member that is gone without a word is replaced too.
pub async fn a_dropped_member_is_replaced(log: Handles) {
    let mut two = two_members(&log).await;
    settle(&mut two, 2).await;
    let [first, mut second] = two;
    drop(first);
    second.follow_until(4).await;
}

async fn two_members(log: &Handles) -> [Member; 2] {
    let (name, group) = (fresh_name(), fresh_name());
    let here = open(&log.here, &name, 4).await;
    let there = open(&log.there, &name, 4).await;
    [
        Member::join(&here, &group).await,
        Member::join(&there, &group).await,
    ]
}

/// As long as a member holds on to what was revoked, nobody else gets it.
pub async fn a_partition_is_gained_only_after_its_release(log: Handles) {
    let (name, group) = (fresh_name(), fresh_name());
    let here = open(&log.here, &name, 2).await;
    let there = open(&log.there, &name, 2).await;
    let mut first = Member::join(&here, &group).await;
    first.follow_until(2).await;
    let mut second = Member::join(&there, &group).await;
    let held = soon("a partition is revoked", async {
        loop {
            // A second member may be told that it owns nothing yet.
            tokio::select! {
                change = first.membership.next() => match change.expect("the group goes on") {
                    Change::Revoked { release, .. } => break release,
                    Change::Gained(gained) => assert!(gained.is_empty()),
                },
                () = second.follow() => assert!(second.owned.is_empty(), "nothing is free yet"),
            }
        }
    })
    .await;
    let early = async {
        while second.owned.is_empty() {
            second.follow().await;
        }
    };
    let early = tokio::time::timeout(Duration::from_secs(1), early).await;
    assert!(early.is_err(), "gained before it was given up");
    drop(held);
    second.follow_until(1).await;
}

/// A dropped `next` takes no change with it.
pub async fn a_cancelled_wait_loses_no_change(log: Handles) {
    let topic = fresh_topic(&log.here, 4).await;
    let mut member = Member::join(&topic, &fresh_name()).await;
    let gained = async {
        while member.owned.len() < 4 {
            let _ = tokio::time::timeout(Duration::from_millis(3), member.follow()).await;
        }
    };
    soon("the partitions are gained", gained).await;
}

//! Members of one group in several processes.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use factum_core::{Change, Membership};
use rustix::process::{Signal, kill_process};

use super::child::{GROUP, PARTITIONS, open};
use super::life::Life;

/// A member in this process, and what it owns.
struct Member {
    membership: Box<dyn Membership>,
    owned: BTreeSet<u32>,
}

impl Member {
    async fn join(dir: &Path) -> Self {
        let topic = open(dir).await;
        let membership = topic.join(GROUP).await.expect("a member joins");
        Self {
            membership,
            owned: BTreeSet::new(),
        }
    }

    async fn follow(&mut self) {
        match self.membership.next().await.expect("the group goes on") {
            Change::Gained(partitions) => self.owned.extend(partitions),
            Change::Revoked { partitions, .. } => {
                self.owned.retain(|it| !partitions.contains(it));
            }
        }
    }

    async fn follow_until(&mut self, count: usize) {
        let done = async {
            while self.owned.len() != count {
                self.follow().await;
            }
        };
        let done = tokio::time::timeout(Duration::from_secs(60), done).await;
        done.expect("a member owns its share within a minute");
    }
}

fn wait_for(child: &Life, words: &str) {
    while child.hear() != words {}
}

const ALL: usize = PARTITIONS as usize;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_is_replaced() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let mut here = Member::join(dir.path()).await;
    here.follow_until(ALL).await;
    for _ in 0..3 {
        let child = Life::start("follow_a_group", dir.path(), "child");
        here.follow_until(ALL / 2).await;
        wait_for(&child, "owns 1");
        child.kill();
        here.follow_until(ALL).await;
    }
}

/// Locks belong to a process until it ends: one that is stopped keeps its partitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_process_keeps_what_it_owns_until_it_ends() {
    let dir = tempfile::tempdir().expect("a folder is made");
    let child = Life::start("follow_a_group", dir.path(), "child");
    wait_for(&child, "owns 2");
    let mut here = Member::join(dir.path()).await;
    here.follow_until(ALL / 2).await;
    kill_process(child.pid(), Signal::STOP).expect("a child can be stopped");
    let early = tokio::time::timeout(Duration::from_secs(1), here.follow()).await;
    assert!(early.is_err(), "nothing changes while it is stopped");
    child.kill();
    here.follow_until(ALL).await;
}

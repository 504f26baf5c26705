//! A member of a group in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use factum_core::{Change, LogError, Membership, Release};
use tokio::sync::Notify;

use super::group::{Group, MemberId, Told};
use super::locked;

/// A group, and what wakes its members.
pub(super) struct SharedGroup {
    group: Mutex<Group>,
    changed: Notify,
}

impl SharedGroup {
    pub(super) fn new(group: Group) -> Self {
        Self {
            group: Mutex::new(group),
            changed: Notify::new(),
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Group) -> T) -> T {
        let answer = change(&mut locked(&self.group));
        self.changed.notify_waiters();
        answer
    }
}

pub(super) struct MemoryMember {
    group: Arc<SharedGroup>,
    id: MemberId,
}

impl MemoryMember {
    pub(super) fn join(group: Arc<SharedGroup>) -> Self {
        let id = group.change(Group::join);
        Self { group, id }
    }

    fn as_change(&self, told: Told) -> Change {
        match told {
            Told::Gained(partitions) => Change::Gained(partitions),
            Told::Revoked(partitions) => {
                let (group, id, given_up) = (self.group.clone(), self.id, partitions.clone());
                let release = Release::new(move || group.change(|it| it.given_up(id, &given_up)));
                Change::Revoked {
                    partitions,
                    release,
                }
            }
        }
    }
}

#[async_trait]
impl Membership for MemoryMember {
    async fn next(&mut self) -> Result<Change, LogError> {
        let group = self.group.clone();
        loop {
            let mut changed = std::pin::pin!(group.changed.notified());
            changed.as_mut().enable();
            let told = locked(&group.group).tell(self.id);
            if let Some(told) = told {
                return Ok(self.as_change(told));
            }
            changed.await;
        }
    }

    async fn leave(self: Box<Self>) -> Result<(), LogError> {
        Ok(())
    }
}

/// A member that is dropped has left.
impl Drop for MemoryMember {
    fn drop(&mut self) {
        self.group.change(|group| group.leave(self.id));
    }
}

//! One member of a group.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use factum_core::{Change, LogError, LogErrorKind, Membership, Release};

use super::folder::{Entry, Folder};
use super::share::{Step, share, step};
use crate::blocking::blocking;
use crate::failure;
use crate::folder::GROUPS;
use crate::store::{Store, locked};

/// How often a member looks at who is there and what is free.
const LOOK: Duration = Duration::from_millis(100);
/// File names end at 255 bytes, and a group's may take three for one.
const LONGEST_NAME: usize = 85;

pub(crate) struct LocalMember {
    /// Keeps the log open.
    store: Arc<Store>,
    share: Arc<Mutex<Share>>,
}

/// What a member has.
struct Share {
    folder: Folder,
    partitions: u32,
    /// `None` once it has left.
    entry: Option<Entry>,
    /// The locks of what it owns. They are let go with their files.
    held: BTreeMap<u32, File>,
    /// What it has yet to be told, in order.
    untold: VecDeque<Told>,
}

enum Told {
    Gained(Vec<u32>),
    Revoked(BTreeMap<u32, File>),
}

impl LocalMember {
    pub(crate) fn join(
        store: &Arc<Store>,
        topic: &str,
        group: &str,
        partitions: u32,
    ) -> Result<Self, LogError> {
        check_name(group)?;
        let folder = Folder::open(&store.dir.join(GROUPS), topic, group);
        let entered = folder.and_then(|folder| Ok((folder.enter()?, folder)));
        let (entry, folder) = entered.map_err(|error| failure::disk(&store.dir, error))?;
        let share = Share {
            folder,
            partitions,
            entry: Some(entry),
            held: BTreeMap::new(),
            untold: VecDeque::new(),
        };
        Ok(Self {
            store: store.clone(),
            share: Arc::new(Mutex::new(share)),
        })
    }

    /// Changes the share where waiting for the disk harms nobody.
    async fn with_share(
        &self,
        change: impl FnOnce(&Path, &mut Share) -> Result<(), LogError> + Send + 'static,
    ) -> Result<(), LogError> {
        let (share, dir) = (self.share.clone(), self.store.dir.clone());
        let change = move || change(&dir, &mut locked(&share));
        blocking(&self.store.dir, change).await
    }
}

fn check_name(group: &str) -> Result<(), LogError> {
    if (1..=LONGEST_NAME).contains(&group.len()) {
        return Ok(());
    }
    let message = format!("`{group}` can't be a group's name: take 1 to {LONGEST_NAME} bytes");
    Err(LogError::new(LogErrorKind::Unsuitable, message))
}

impl Share {
    /// Looks at who is there, and moves towards a fair share.
    fn look(&mut self, dir: &Path) -> Result<(), LogError> {
        let Some(entry) = &self.entry else {
            return Err(failure::closed(dir));
        };
        let census = self.folder.census(entry);
        let (alive, before) = census.map_err(|error| failure::disk(dir, error))?;
        match step(
            self.held.len(),
            share(self.partitions as usize, alive, before),
        ) {
            Step::Take(count) => self.take(count).map_err(|error| failure::disk(dir, error)),
            Step::GiveUp(count) => {
                self.give_up(count);
                Ok(())
            }
            Step::Rest => Ok(()),
        }
    }

    fn take(&mut self, count: usize) -> std::io::Result<()> {
        let mut gained = Vec::new();
        for partition in 0..self.partitions {
            if gained.len() == count {
                break;
            }
            if self.held.contains_key(&partition) {
                continue;
            }
            if let Some(file) = self.folder.take(partition)? {
                self.held.insert(partition, file);
                gained.push(partition);
            }
        }
        if !gained.is_empty() {
            self.untold.push_back(Told::Gained(gained));
        }
        Ok(())
    }

    fn give_up(&mut self, count: usize) {
        let given = std::iter::from_fn(|| self.held.pop_last())
            .take(count)
            .collect();
        self.untold.push_back(Told::Revoked(given));
    }

    fn leave(&mut self) {
        self.entry = None;
        self.held.clear();
        self.untold.clear();
    }
}

impl Told {
    fn into_change(self) -> Change {
        match self {
            Self::Gained(partitions) => Change::Gained(partitions),
            Self::Revoked(files) => Change::Revoked {
                partitions: files.keys().copied().collect(),
                release: Release::new(move || drop(files)),
            },
        }
    }
}

#[async_trait]
impl Membership for LocalMember {
    async fn next(&mut self) -> Result<Change, LogError> {
        loop {
            let told = locked(&self.share).untold.pop_front();
            if let Some(told) = told {
                return Ok(told.into_change());
            }
            self.with_share(|dir, share| share.look(dir)).await?;
            if locked(&self.share).untold.is_empty() {
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    async fn leave(self: Box<Self>) -> Result<(), LogError> {
        self.with_share(|_, share| {
            share.leave();
            Ok(())
        })
        .await
    }
}

/// A member that is dropped has left, even if it is still looking.
impl Drop for LocalMember {
    fn drop(&mut self) {
        locked(&self.share).leave();
    }
}

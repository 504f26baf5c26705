//! Whose turn it is to replay: few partitions at a time, owners before standbys.

use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// The turns of an engine's partitions. Each replay takes a reader's memory, and more of them than
/// there are processors gain nothing.
pub(crate) struct Turns {
    owners: Semaphore,
    /// How many owners replay, or wait for their turn to.
    claiming: watch::Sender<usize>,
    standbys: Semaphore,
}

/// An owner's turn, until it is dropped.
pub(crate) struct Turn<'t> {
    _permit: Option<SemaphorePermit<'t>>,
    _claiming: Claiming<'t>,
}

struct Claiming<'t>(&'t watch::Sender<usize>);

impl Turns {
    /// So many owners' turns at the same time, and one standby's.
    pub fn new(owners: usize) -> Self {
        Self {
            owners: Semaphore::new(owners),
            claiming: watch::Sender::new(0),
            standbys: Semaphore::new(1),
        }
    }

    /// Waits for an owner's turn. Standbys let it pass from this moment on.
    pub async fn to_claim(&self) -> Turn<'_> {
        self.claiming.send_modify(|owners| *owners += 1);
        let _claiming = Claiming(&self.claiming);
        let _permit = self.owners.acquire().await.ok();
        Turn { _permit, _claiming }
    }

    /// Waits for a standby's turn to catch up.
    pub async fn to_catch_up(&self) -> Option<SemaphorePermit<'_>> {
        self.standbys.acquire().await.ok()
    }

    /// Waits until no owner replays or waits to.
    pub async fn behind_owners(&self) {
        let mut claiming = self.claiming.subscribe();
        let _ = claiming.wait_for(|owners| *owners == 0).await;
    }
}

impl Drop for Claiming<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|owners| *owners -= 1);
    }
}

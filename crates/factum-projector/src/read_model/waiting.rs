//! Those who wait, shared between them and the one that looks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use factum_core::ConsistencyToken;
use tokio::sync::{Notify, oneshot};

use super::waiters::{Answer, Late, Place, Seen, Waiters};
use crate::ProjectorError;

/// All who wait, shared between them and the one that looks.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiters: Mutex<Waiters>,
    wake: Notify,
}

impl Waiting {
    /// Waits for an answer, as long as the ticket is there.
    pub(super) fn register(
        &self,
        token: ConsistencyToken,
    ) -> (Ticket<'_>, oneshot::Receiver<Answer>) {
        let (place, answered) = self.lock().register(token);
        self.wake.notify_one();
        let ticket = Ticket {
            waiting: self,
            place,
        };
        (ticket, answered)
    }

    /// What is known when the time is over.
    pub(super) fn late(&self, ticket: &Ticket<'_>) -> Late {
        self.lock().late(&ticket.place)
    }

    /// Takes note that positions may have moved.
    pub(super) fn may_have_moved(&self) {
        self.lock().may_have_moved();
        self.wake.notify_one();
    }

    /// Resolves when it is time to look; at least every `interval` while somebody waits.
    pub(super) async fn due(&self, interval: Duration) {
        while !self.lock().is_due() {
            let woken = self.wake.notified();
            if tokio::time::timeout(interval, woken).await.is_err() {
                self.lock().may_have_moved();
            }
        }
    }

    /// Takes note that a look begins. What is read after this answers those who wait now.
    pub(super) fn begin(&self) {
        self.lock().begin();
    }

    /// Takes note of what the look has shown.
    pub(super) fn end(&self, seen: Seen) {
        self.lock().end(seen);
    }

    /// Takes note that nothing can be seen for now.
    pub(super) fn failed(&self, failure: ProjectorError) {
        self.lock().failed(failure);
    }

    fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who wait. Dropping it gives it up.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    waiting: &'a Waiting,
    place: Place,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.waiting.lock().forget(&self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stops_waiting_leaves_nothing_behind() {
        let waiting = Waiting::default();
        let token = |sequence| ConsistencyToken {
            partition: 0,
            sequence,
        };
        let register = |sequence| waiting.register(token(sequence)).0;
        let tickets: Vec<_> = (0..1000).map(register).collect();
        assert_eq!(waiting.lock().len(), 1000);
        drop(tickets);
        assert_eq!(waiting.lock().len(), 0);
        waiting.may_have_moved();
        assert!(!waiting.lock().is_due());
    }
}

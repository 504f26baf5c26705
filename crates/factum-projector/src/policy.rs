//! What becomes of an event that cannot be projected.

/// What a worker does when an event fails: it cannot be decoded, its projection's code panics or returns a row of
/// another key, a value does not fit its column, or Postgres refuses the row (SQLSTATE classes 22 and 23).
///
/// A server that is out of reach, a missing privilege or table, and a full disk are nobody's event: the
/// policy says nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailurePolicy {
    /// How often the event is tried again first, with growing waits of which each is cut at random. All
    /// partitions of the worker wait with it.
    pub retries: Retries,
    /// What is done once that was of no use.
    pub then: OnFailure,
}

/// How often a failed event is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retries {
    /// So many times.
    Times(u32),
    /// Until it succeeds.
    ForEver,
}

/// What is done with an event that failed often enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnFailure {
    /// The worker stops with the error, once everything before the event's commit is written.
    Stop,
    /// The event and every later one of its key go to the table of dead letters, in the transaction that
    /// moves the position past them. Everything else is projected.
    Park,
}

impl FailurePolicy {
    /// Stops at the first failure.
    pub const STOP: Self = Self {
        retries: Retries::Times(0),
        then: OnFailure::Stop,
    };

    /// Parks at the first failure.
    pub const PARK: Self = Self {
        retries: Retries::Times(0),
        then: OnFailure::Park,
    };

    /// The same, after some more attempts.
    #[must_use]
    pub const fn after(self, retries: Retries) -> Self {
        Self { retries, ..self }
    }

    /// Whether a failed event may come to be parked.
    pub(crate) fn parks(&self) -> bool {
        self.then == OnFailure::Park
    }

    /// Whether an event that was tried again so many times is to be tried once more.
    pub(crate) fn tries_again(&self, retried: u32) -> bool {
        match self.retries {
            Retries::Times(times) => retried < times,
            Retries::ForEver => true,
        }
    }
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self::STOP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_counted() {
        let twice = FailurePolicy::PARK.after(Retries::Times(2));
        assert_eq!(
            [0, 1, 2].map(|retried| twice.tries_again(retried)),
            [true, true, false]
        );
        assert!(!FailurePolicy::STOP.tries_again(0));
        let ever = FailurePolicy::STOP.after(Retries::ForEver);
        assert!(ever.tries_again(u32::MAX));
        assert!(twice.parks() && !ever.parks());
    }
}

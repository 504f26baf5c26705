//! The parts of the protocol that tests take out one by one, to show that its proof would notice.

/// A check of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// Only the next epoch's claim is accepted.
    Epoch,
    /// Only the expected sequence is valid.
    Sequence,
    /// A gap closes the epoch.
    Gap,
    /// A claim voids a half-read commit.
    Torn,
    /// A claim that stood on missing events shows damage.
    Floor,
    /// A writer whose acknowledged record is void claims again.
    Ambiguity,
}

/// Whether a check is in force: always, outside this crate's own tests.
#[inline(always)]
pub(crate) fn holds(guard: Guard) -> bool {
    #[cfg(test)]
    return WITHOUT.get() != Some(guard);
    #[cfg(not(test))]
    {
        let _ = guard;
        true
    }
}

#[cfg(test)]
thread_local! {
    /// The check that this thread's tests do without.
    pub(crate) static WITHOUT: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}

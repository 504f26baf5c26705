//! The parts of the protocol that tests take out one by one, to show that its proof would notice.

/// A check of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
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

/// Whether a check is in force: always, outside this crate's own tests and the protocol's model.
#[inline(always)]
pub(crate) fn holds(guard: Guard) -> bool {
    #[cfg(any(test, feature = "mutants"))]
    return WITHOUT.get() != Some(guard);
    #[cfg(not(any(test, feature = "mutants")))]
    {
        let _ = guard;
        true
    }
}

/// Takes out a check on this thread, or puts all back: for proofs that it is needed.
#[cfg(feature = "mutants")]
pub fn do_without(guard: Option<Guard>) {
    WITHOUT.set(guard);
}

#[cfg(any(test, feature = "mutants"))]
thread_local! {
    /// The check that this thread's tests do without.
    pub(crate) static WITHOUT: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}

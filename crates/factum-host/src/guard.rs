//! The parts of engine and projector that the simulation takes out one by one, to show that it would
//! notice.

/// What must be done, and could be left out by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A caller is answered once its commit is a fact.
    Settled,
    /// A rejection is answered once it is clear that the state was the newest.
    Newest,
    /// An append whose fate is unknown is settled by another claim.
    Reclaim,
    /// The commands that a replay meets are remembered.
    Replayed,
    /// The commands that a checkpoint holds are remembered.
    Remembered,
    /// An expected version is compared with the aggregate's.
    Expected,
    /// A checkpoint is written once all of it is fact.
    Facts,
    /// A checkpoint holds the states that changed while it was taken as they were when it began.
    Whole,
    /// A state is dropped from memory once a checkpoint has it.
    Saved,
    /// Which commands were handled is taken from the log at a takeover.
    Handled,
    /// Where commands are routed, refusals are written down.
    Noted,
    /// A command whose caller has given up is not decided.
    Gone,
    /// A command that came through the log is answered once its commit is a fact.
    Routed,
    /// A copy that asks for an answer is not carried out where that is forgotten.
    Copied,
    /// A replay that was broken off within a fetch is thrown away.
    Unbroken,
    /// A position moves in the transaction that writes the rows.
    Together,
    /// Dead letters are written in the transaction that moves the position past their events.
    Letters,
    /// A position moves only from where this worker left it.
    Compared,
    /// Rows are kept in memory only by a worker that owns every partition.
    Alone,
    /// Rows that several workers change are locked from reading to writing.
    Locked,
}

/// Whether a part is there: always, outside the simulation's own tests.
#[inline(always)]
pub fn holds(guard: Guard) -> bool {
    #[cfg(feature = "simulation")]
    return WITHOUT.get() != Some(guard);
    #[cfg(not(feature = "simulation"))]
    {
        let _ = guard;
        true
    }
}

#[cfg(feature = "simulation")]
thread_local! {
    /// What this thread does without.
    pub(crate) static WITHOUT: std::cell::Cell<Option<Guard>> = const { std::cell::Cell::new(None) };
}

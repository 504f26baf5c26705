//! A part of the protocol or of the code that a run does without, to show that it would be noticed.

/// What a run does without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A check of the reader rule or of the writer.
    Rule(factum_core::Guard),
    /// A part of engine or projector.
    Code(factum_host::Guard),
}

/// Leaves it out on this thread, until it is dropped.
pub(crate) struct Without(());

impl Without {
    pub(crate) fn new(flaw: Option<Flaw>) -> Self {
        set(flaw);
        Self(())
    }
}

impl Drop for Without {
    fn drop(&mut self) {
        set(None);
    }
}

/// Judges with everything in its place, whatever the run does without.
pub(crate) fn soundly<T>(flaw: Option<Flaw>, judge: impl FnOnce() -> T) -> T {
    set(None);
    let judged = judge();
    set(flaw);
    judged
}

fn set(flaw: Option<Flaw>) {
    let (rule, code) = match flaw {
        None => (None, None),
        Some(Flaw::Rule(guard)) => (Some(guard), None),
        Some(Flaw::Code(guard)) => (None, Some(guard)),
    };
    factum_core::do_without(rule);
    factum_host::simulation::do_without(code);
}

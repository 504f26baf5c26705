//! The events of `schemas/bank/work`, and what they have in common.

use jiff::Timestamp;

factum::events!(bank.work);

/// Gives `$entry` the fields that every event has.
macro_rules! each {
    ($event:expr, $entry:ident => $value:expr) => {
        match $event {
            WorkEvent::Scheduled($entry) => $value,
            WorkEvent::Started($entry) => $value,
            WorkEvent::Completed($entry) => $value,
        }
    };
}

impl WorkEvent {
    /// The number of the entry in the log of its case.
    pub fn entry(&self) -> i64 {
        each!(self, event => event.entry)
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        each!(self, event => event.time)
    }

    /// Who did it, where the log says so.
    pub fn resource(&self) -> Option<&str> {
        each!(self, event => event.resource.as_deref())
    }

    /// Which work.
    pub fn activity(&self) -> Activity {
        each!(self, event => event.activity)
    }
}

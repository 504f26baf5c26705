//! The events of `schemas/bank/loan`, and what they have in common.

use jiff::Timestamp;

factum::events!(bank.loan);

/// Gives `$entry` the fields that every event has.
macro_rules! each {
    ($event:expr, $entry:ident => $value:expr; $($name:ident)*) => {
        match $event { $(LoanEvent::$name($entry) => $value),* }
    };
    ($event:expr, $entry:ident => $value:expr) => {
        each!($event, $entry => $value;
            Submitted PartlySubmitted Preaccepted Accepted Finalized
            Approved Registered Activated Declined Cancelled
            OfferSelected OfferCreated OfferSent OfferSentBack
            OfferAccepted OfferDeclined OfferCancelled)
    };
}

impl LoanEvent {
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
}

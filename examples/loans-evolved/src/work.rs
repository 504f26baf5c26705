//! The work on applications, from today's events.

use factum::Upcast;
use jiff::Timestamp;

factum::events!(bank.work);

/// Times are in microseconds now, and whoever is not known is an empty text: no rule of Avro reads that.
impl Upcast<started::v1::Started> for Started {
    fn upcast(old: started::v1::Started) -> Self {
        Self {
            started_at: old.time,
            resource: old.resource.unwrap_or_default(),
            activity: old.activity,
        }
    }
}

impl WorkEvent {
    /// When it happened.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Scheduled(it) => it.time,
            Self::Started(it) => it.started_at,
            Self::Completed(it) => it.time,
        }
    }

    /// Who did it, where that is known.
    pub fn worker(&self) -> Option<&str> {
        match self {
            Self::Scheduled(it) => it.resource.as_deref(),
            Self::Started(it) => Some(&*it.resource).filter(|name| !name.is_empty()),
            Self::Completed(it) => it.worker.as_deref(),
        }
    }
}

//! Why an entry cannot have happened to the work on an application.

use std::fmt;

use super::Activity;
use crate::Misplaced;

/// Why an entry is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkRejection {
    /// It has no place in the order of the case's entries.
    Misplaced(Misplaced),
    /// Work is put on the list before anyone does it.
    NotScheduled,
    /// This work follows from another, which no one has begun.
    TooEarly {
        /// The work that has to be begun first.
        after: Activity,
    },
    /// A lead is handled before the application is completed, not after.
    TooLate,
    /// An assessment of fraud is completed by whoever started it, once for each start.
    NotStarted,
}

impl From<Misplaced> for WorkRejection {
    fn from(misplaced: Misplaced) -> Self {
        Self::Misplaced(misplaced)
    }
}

impl fmt::Display for WorkRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misplaced(misplaced) => misplaced.fmt(f),
            Self::NotScheduled => f.write_str("this work was never scheduled"),
            Self::TooEarly { after } => write!(f, "{} was not begun yet", after.as_str()),
            Self::TooLate => f.write_str("completing the application is scheduled already"),
            Self::NotStarted => f.write_str("this work was not started"),
        }
    }
}

//! What an import came to, handed on to the report.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Import, Progress};
use crate::figures::Figures;
use crate::thousands;

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The log's address.
    pub log: String,
    /// Where the cases came from.
    pub source: String,
    /// Cases read.
    pub cases: u64,
    /// Entries read.
    pub entries: u64,
    /// Events appended; less than the entries where some were recorded already, or rejected.
    pub appended: u64,
    /// Entries rejected.
    pub rejected: u64,
    /// How long it took, without starting the engines.
    pub seconds: f64,
    /// For made-up cases, the figures that the read models must show.
    pub expected: Option<Figures>,
}

impl Summary {
    pub(super) fn new(
        import: &Import,
        progress: &Progress,
        took: Duration,
        expected: Option<Figures>,
    ) -> Self {
        Self {
            log: import.log.clone(),
            source: import.source.to_string(),
            cases: progress.cases(),
            entries: progress.entries(),
            appended: progress.appended(),
            rejected: progress.rejections(),
            seconds: took.as_secs_f64(),
            expected,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, .. } = self;
        let rate = self.entries as f64 / seconds.max(0.001);
        write!(
            f,
            "{} entries of {} cases: {} appended, {} rejected, the rest was there; {seconds:.1} s, {} entries/s",
            thousands(self.entries),
            thousands(self.cases),
            thousands(self.appended),
            thousands(self.rejected),
            thousands(rate as u64)
        )
    }
}

//! Where a record stands, and reading its header there.

use std::fmt;

use crate::{Damage, Header, LogError, LogErrorKind, Offset, RecordRef};

/// A record's place. Messages begin with it: `<topic> partition <n> offset <n>`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub topic: &'a str,
    pub partition: u32,
    pub offset: Offset,
}

impl Place<'_> {
    /// The header of the record that stands here; `None` if Factum did not write it.
    pub(crate) fn header<'r>(&self, record: RecordRef<'r>) -> Result<Option<Header<'r>>, LogError> {
        let decoded = record.header.map(Header::decode).transpose();
        decoded.map_err(|error| {
            self.corrupt("cannot read the record's `factum` header")
                .with_source(error)
        })
    }

    /// The error for a record here that cannot be read.
    pub(crate) fn corrupt(&self, what: impl fmt::Display) -> LogError {
        LogError::new(LogErrorKind::Corrupt, format!("{self}: {what}"))
    }

    /// The error for a record here that shows damage of the log.
    pub(crate) fn damaged(&self, damage: Damage) -> LogError {
        let message = format!("{self}: the log is damaged");
        LogError::new(LogErrorKind::Damaged, message).with_source(damage)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            topic,
            partition,
            offset,
        } = self;
        write!(f, "{topic} partition {partition} offset {offset}")
    }
}

//! Each record of a partition with what the reader rule says of it.

use factum::{LogError, LogErrorKind};
use factum_core::{Fetched, Header, Offset, ReaderRule, RecordRef, Verdict, Void};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The rule accepts it.
    Valid,
    /// It does not, for this reason.
    Void(&'static str),
}

/// A record and its fate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged<'r> {
    pub offset: Offset,
    pub record: RecordRef<'r>,
    pub header: Option<Header<'r>>,
    pub fate: Fate,
}

/// Runs the reader rule over one partition, from its first record on. Records of a commit that is not whole yet are
/// held back: the next claim makes them void.
pub(super) struct Judge {
    topic: String,
    partition: u32,
    rule: ReaderRule,
    held: Fetched,
}

const TORN: &str = "its commit was never finished";

impl Judge {
    pub(super) fn new(topic: &str, partition: u32) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            rule: ReaderRule::default(),
            held: Fetched::new(partition, 0),
        }
    }

    /// Hands on each record whose fate is known now.
    ///
    /// # Errors
    /// A header that cannot be read, a log that is damaged; or what `take` says.
    pub(super) fn read<E: From<LogError>>(
        &mut self,
        fetched: &Fetched,
        mut take: impl FnMut(&Judged<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (offset, record) in fetched.iter() {
            let header = self.header(offset, record)?;
            let judged = self.rule.judge(header.as_ref());
            let verdict =
                judged.map_err(|error| self.failed(offset, LogErrorKind::Damaged, error))?;
            let fate = match verdict {
                Verdict::Held => {
                    self.held.push(offset, record);
                    continue;
                }
                Verdict::Claimed => {
                    self.release(Fate::Void(TORN), &mut take)?;
                    Fate::Valid
                }
                Verdict::Whole => {
                    self.release(Fate::Valid, &mut take)?;
                    Fate::Valid
                }
                Verdict::Void(void) => Fate::Void(reason(void)),
            };
            take(&Judged {
                offset,
                record,
                header,
                fate,
            })?;
        }
        Ok(())
    }

    fn release<E: From<LogError>>(
        &mut self,
        fate: Fate,
        take: &mut impl FnMut(&Judged<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (offset, record) in self.held.iter() {
            let header = self.header(offset, record)?;
            take(&Judged {
                offset,
                record,
                header,
                fate,
            })?;
        }
        self.held.clear();
        Ok(())
    }

    fn header<'r>(
        &self,
        offset: Offset,
        record: RecordRef<'r>,
    ) -> Result<Option<Header<'r>>, LogError> {
        let decoded = record.header.map(Header::decode).transpose();
        decoded.map_err(|error| self.failed(offset, LogErrorKind::Corrupt, error))
    }

    fn failed(
        &self,
        offset: Offset,
        kind: LogErrorKind,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> LogError {
        let (topic, partition) = (&self.topic, self.partition);
        LogError::new(
            kind,
            format!("{topic} partition {partition} offset {offset}"),
        )
        .with_source(error)
    }
}

/// In words that mean something to who does not know the rule.
fn reason(void: Void) -> &'static str {
    match void {
        Void::Foreign => "Factum did not write it",
        Void::Claim => "another claim of that epoch came first",
        Void::Epoch => "its writer had lost the partition",
        Void::Closed => "it stands behind a gap",
        Void::Double => "it was there before",
        Void::Gap => "an event before it was lost",
    }
}

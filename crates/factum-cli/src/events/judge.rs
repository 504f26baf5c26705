//! Each record of a partition with what the reader rule says of it.

use factum::{LogError, LogErrorKind};
use factum_core::{
    Damage, Fetched, Header, HeaderError, Offset, ReaderRule, RecordRef, Verdict, Void,
};

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The rule accepts it.
    Valid,
    /// It does not, for this reason.
    Void(&'static str),
    /// Nobody can say: its header cannot be read.
    Unknown(HeaderError),
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

    /// Hands on each record whose fate is known now. One whose header cannot be read is passed over by the rule, as if it
    /// were not there: where it was an event, those behind it stand behind a gap.
    ///
    /// # Errors
    /// A log that is damaged; or what `take` says.
    pub(super) fn read<E: From<LogError>>(
        &mut self,
        fetched: &Fetched,
        mut take: impl FnMut(&Judged<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (offset, record) in fetched.iter() {
            let header = match header(record) {
                Ok(header) => header,
                Err(error) => {
                    take(&Judged {
                        offset,
                        record,
                        header: None,
                        fate: Fate::Unknown(error),
                    })?;
                    continue;
                }
            };
            let judged = self.rule.judge(header.as_ref());
            let verdict = judged.map_err(|error| self.damaged(offset, error))?;
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

    fn release<E>(
        &mut self,
        fate: Fate,
        take: &mut impl FnMut(&Judged<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (offset, record) in self.held.iter() {
            // It was read before it was held.
            let header = header(record).unwrap_or_default();
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

    fn damaged(&self, offset: Offset, error: Damage) -> LogError {
        let (topic, partition) = (&self.topic, self.partition);
        LogError::new(
            LogErrorKind::Damaged,
            format!("{topic} partition {partition} offset {offset}"),
        )
        .with_source(error)
    }
}

fn header<'r>(record: RecordRef<'r>) -> Result<Option<Header<'r>>, HeaderError> {
    record.header.map(Header::decode).transpose()
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

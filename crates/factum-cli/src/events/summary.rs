//! What is told of a topic beside its events: why so few of them are shown.

use factum::schema::frame::Frame;
use factum_core::{HeaderError, Offset};

use super::flags::Flags;
use super::judge::Judged;

/// What records were met, shown or not.
#[derive(Debug, Default)]
pub(super) struct Met {
    records: u64,
    /// Those that Factum did not write.
    foreign: u64,
    /// What the first of them looks like.
    look: Option<String>,
    /// Those whose header cannot be read.
    unknown: u64,
    /// Where the first of them stands: partition and offset, and why.
    first: Option<(u32, Offset, HeaderError)>,
}

impl Met {
    pub(super) fn count(&mut self, judged: &Judged<'_>) {
        self.records += 1;
        if judged.record.header.is_none() {
            self.foreign += 1;
            self.look.get_or_insert_with(|| look(judged.record.value));
        }
    }

    pub(super) fn count_unknown(&mut self, partition: u32, offset: Offset, error: HeaderError) {
        self.unknown += 1;
        self.first.get_or_insert((partition, offset, error));
    }

    /// Why nothing can be shown, if that is so.
    pub(super) fn oddity(&self, topic: &str, flags: &Flags) -> Option<String> {
        match self {
            Self { records: 0, .. } if flags.partition.is_none() => {
                Some(format!("{topic} has no records"))
            }
            Self {
                records, foreign, ..
            } if *records > 0 && records == foreign && !flags.void => {
                let look = self.look.as_deref().unwrap_or_default();
                Some(format!(
                    "none of the {records} records of {topic} has the header `factum`: other programs wrote them. Of the \
                     first, {look}. --void shows them"
                ))
            }
            _ => None,
        }
    }

    /// How many headers cannot be read.
    pub(super) fn unknown(&self, flags: &Flags) -> Option<String> {
        let (partition, offset, error) = self.first?;
        let shown = if flags.void {
            ""
        } else {
            ". --void shows them"
        };
        let records = match self.unknown {
            1 => "1 record has".to_owned(),
            many => format!("{many} records have"),
        };
        Some(format!(
            "{records} a header that cannot be read, first partition {partition} offset {offset}: {error}. What it was \
             nobody knows, and programs stop there{shown}"
        ))
    }
}

fn look(value: &[u8]) -> String {
    match Frame::parse(value) {
        Err(none) => none.to_string(),
        Ok((Frame::Confluent { id }, _)) => {
            format!("the value is in Confluent's framing, with the id {id}")
        }
        Ok((Frame::SingleObject { fingerprint }, _)) => {
            format!(
                "the value is in Avro's single-object encoding, of the schema {fingerprint:016x}"
            )
        }
    }
}

//! Records on their way to or from the log, packed into one buffer.

use std::fmt;

use crate::{LogError, LogErrorKind};

/// An offset: a record's place in one partition of one topic. It means nothing outside that topic.
pub type Offset = u64;

/// A batch of records, stored back to back in one buffer so that a batch costs two allocations,
/// not three per record.
#[derive(Clone, Debug, Default)]
pub struct Records {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

/// Where a record's parts end in the buffer; it starts where the previous one ended.
#[derive(Clone, Copy, Debug)]
struct Span {
    header: usize,
    value: usize,
    end: usize,
    foreign: bool,
}

/// One record, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// The record key: the aggregate id in UTF-8; empty for a claim.
    pub key: &'a [u8],
    /// The binary header `factum`; `None` on a record that Factum did not write.
    pub header: Option<&'a [u8]>,
    /// The event's or the claim's Avro value.
    pub value: &'a [u8],
}

impl RecordRef<'_> {
    /// The size of key, header and value together, in bytes.
    pub fn byte_len(&self) -> usize {
        self.key.len() + self.header.map_or(0, <[u8]>::len) + self.value.len()
    }
}

impl Records {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for so many records, of so many bytes together.
    pub fn with_capacity(records: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            spans: Vec::with_capacity(records),
        }
    }

    /// Adds a copy of a record.
    pub fn push(&mut self, record: RecordRef<'_>) {
        self.push_with(
            record.key,
            record.header.is_none(),
            |bytes| {
                bytes.extend_from_slice(record.header.unwrap_or_default());
            },
            |bytes| bytes.extend_from_slice(record.value),
        );
    }

    /// Adds a record whose header and value are written straight into the batch's buffer.
    pub fn push_encoded(
        &mut self,
        key: &[u8],
        header: impl FnOnce(&mut Vec<u8>),
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        self.push_with(key, false, header, value);
    }

    fn push_with(
        &mut self,
        key: &[u8],
        foreign: bool,
        header: impl FnOnce(&mut Vec<u8>),
        value: impl FnOnce(&mut Vec<u8>),
    ) {
        self.bytes.extend_from_slice(key);
        let header_at = self.bytes.len();
        header(&mut self.bytes);
        let value_at = self.bytes.len();
        value(&mut self.bytes);
        let end = self.bytes.len();
        self.spans.push(Span {
            header: header_at,
            value: value_at,
            end,
            foreign,
        });
    }

    /// Drops every record after the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if len < self.spans.len() {
            self.spans.truncate(len);
            self.bytes
                .truncate(self.spans.last().map_or(0, |span| span.end));
        }
    }

    /// How many records the batch holds.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the batch holds no record.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The size of all keys, headers and values together, in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// Refuses a batch with a record of more than `limit` bytes, for every log alike. `place` is where
    /// it was to go, for example `topic bank.loan.events`, and `remedy` what to do about the limit.
    ///
    /// # Errors
    /// [`LogErrorKind::Unsuitable`]: a record is too large.
    pub fn check_sizes(
        &self,
        limit: usize,
        place: impl fmt::Display,
        remedy: &str,
    ) -> Result<(), LogError> {
        let mut sizes = self.iter().map(|record| record.byte_len());
        let Some(size) = sizes.find(|size| *size > limit) else {
            return Ok(());
        };
        Err(LogError::new(
            LogErrorKind::Unsuitable,
            format!(
                "a record of {size} bytes is too large for {place}, which takes {limit}: {remedy}"
            ),
        ))
    }

    /// The record at `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<RecordRef<'_>> {
        let span = *self.spans.get(index)?;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.spans[before].end);
        Some(RecordRef {
            key: &self.bytes[start..span.header],
            header: (!span.foreign).then_some(&self.bytes[span.header..span.value]),
            value: &self.bytes[span.value..span.end],
        })
    }

    /// The records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordRef<'_>> {
        (0..self.len()).map(|index| self.get(index).expect("index is below the length"))
    }
}

/// Records that were read from one partition.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The partition.
    pub partition: u32,
    /// The records, in offset order.
    pub records: Records,
    /// Each record's offset, ascending; as many as there are records.
    pub offsets: Vec<Offset>,
    /// Where reading goes on: the offset after the last record read or skipped.
    pub next: Offset,
    /// Whether these records were the last of the partition when they were read. A fetch without
    /// records says only this.
    pub at_end: bool,
}

impl Fetched {
    /// Nothing read yet from `partition`, starting at `next`.
    pub fn new(partition: u32, next: Offset) -> Self {
        Self {
            partition,
            records: Records::new(),
            offsets: Vec::new(),
            next,
            at_end: false,
        }
    }

    /// Adds the record at `offset`.
    pub fn push(&mut self, offset: Offset, record: RecordRef<'_>) {
        self.records.push(record);
        self.offsets.push(offset);
        self.next = offset + 1;
    }

    /// Drops all records.
    pub fn clear(&mut self) {
        self.records.truncate(0);
        self.offsets.clear();
    }

    /// The records with their offsets, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Offset, RecordRef<'_>)> {
        self.offsets.iter().copied().zip(self.records.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_what_was_put_in() {
        let own = RecordRef {
            key: b"loan-1",
            header: Some(b"h"),
            value: b"value",
        };
        let foreign = RecordRef {
            key: b"",
            header: None,
            value: b"stranger",
        };
        let mut records = Records::new();
        records.push(own);
        records.push(foreign);
        records.push_encoded(b"k", |out| out.push(7), |out| out.push(8));
        assert_eq!(records.len(), 3);
        assert_eq!(records.get(0), Some(own));
        assert_eq!(records.get(1), Some(foreign));
        assert_eq!(
            records.get(2),
            Some(RecordRef {
                key: b"k",
                header: Some(&[7]),
                value: &[8]
            })
        );
        assert_eq!(records.get(3), None);
        records.truncate(1);
        assert_eq!(records.iter().collect::<Vec<_>>(), [own]);
        assert_eq!((records.byte_len(), own.byte_len()), (12, 12));
    }

    #[test]
    fn a_record_above_the_limit_is_refused() {
        let mut records = Records::new();
        for value in [&b"fits"[..], b"too large"] {
            records.push(RecordRef {
                key: b"k",
                header: Some(b"h"),
                value,
            });
        }
        records.check_sizes(11, "topic t", "-").unwrap();
        let error = records.check_sizes(10, "topic t", "mend it").unwrap_err();
        assert_eq!(error.kind(), LogErrorKind::Unsuitable);
        assert_eq!(
            error.to_string(),
            "a record of 11 bytes is too large for topic t, which takes 10: mend it"
        );
    }
}

//! The logical type `duration`.

use serde::{Deserialize, Serialize};

use crate::{DecodeError, Reader};

/// An amount of time in three units that do not convert into each other: Avro's `duration`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Duration {
    /// Whole months.
    pub months: u32,
    /// Whole days.
    pub days: u32,
    /// Whole milliseconds.
    pub millis: u32,
}

impl Duration {
    /// From the twelve bytes that Avro writes: three little-endian numbers.
    pub fn from_bytes(bytes: [u8; 12]) -> Self {
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self {
            months: number(0),
            days: number(4),
            millis: number(8),
        }
    }

    /// The twelve bytes that Avro writes.
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        for (chunk, number) in bytes
            .chunks_exact_mut(4)
            .zip([self.months, self.days, self.millis])
        {
            chunk.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}

impl Reader<'_> {
    /// Reads a `duration` from a fixed of twelve bytes.
    ///
    /// # Errors
    /// The bytes end before.
    #[inline]
    pub fn duration(&mut self) -> Result<Duration, DecodeError> {
        self.fixed().map(Duration::from_bytes)
    }
}

/// Appends a `duration`.
#[inline]
pub fn duration(out: &mut Vec<u8>, value: Duration) {
    out.extend_from_slice(&value.to_bytes());
}

//! How a record is stored: lengths, then key, header and value, under a checksum.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | CRC-32 of the record's offset (8 bytes, little endian) and of everything that follows |
//! | 4 | the key's length, little endian |
//! | 4 | the header's length, little endian; all ones for a record without header |
//! | … | key, header, value |
//!
//! The checksum covers the offset, so that a record that turns up in another's place is found out.

use factum_core::{Offset, RecordRef};

const PREFIX: usize = 12;
const NO_HEADER: u32 = u32::MAX;

/// Writes a stored record into `out`, in place of what was there.
pub(crate) fn encode(offset: Offset, record: RecordRef<'_>, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&length(record.key).to_le_bytes());
    out.extend_from_slice(&record.header.map_or(NO_HEADER, length).to_le_bytes());
    out.extend_from_slice(record.key);
    out.extend_from_slice(record.header.unwrap_or_default());
    out.extend_from_slice(record.value);
    let checksum = checksum(offset, &out[4..]);
    out[..4].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads a stored record; `None` if it is not what was written at this offset.
pub(crate) fn decode(offset: Offset, stored: &[u8]) -> Option<RecordRef<'_>> {
    let (prefix, parts) = stored.split_at_checked(PREFIX)?;
    let number = |at: usize| u32::from_le_bytes(prefix[at..at + 4].try_into().expect("4 bytes"));
    if number(0) != checksum(offset, &stored[4..]) {
        return None;
    }
    let (key, parts) = parts.split_at_checked(number(4) as usize)?;
    let (header, value) = match number(8) {
        NO_HEADER => (None, parts),
        length => parts
            .split_at_checked(length as usize)
            .map(|(header, value)| (Some(header), value))?,
    };
    Some(RecordRef { key, header, value })
}

fn checksum(offset: Offset, stored: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&offset.to_le_bytes());
    hasher.update(stored);
    hasher.finalize()
}

fn length(part: &[u8]) -> u32 {
    u32::try_from(part.len()).expect("records are far smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORDS: [RecordRef<'_>; 3] = [
        RecordRef {
            key: b"loan-1",
            header: Some(b"h"),
            value: b"value",
        },
        RecordRef {
            key: b"",
            header: Some(b""),
            value: b"",
        },
        RecordRef {
            key: b"k",
            header: None,
            value: b"v",
        },
    ];

    #[test]
    fn records_come_back_as_they_were() {
        for record in RECORDS {
            let mut stored = vec![1, 2, 3];
            encode(7, record, &mut stored);
            assert_eq!(decode(7, &stored), Some(record));
        }
    }

    #[test]
    fn damage_is_found_out_wherever_it_is() {
        for record in RECORDS {
            let mut stored = Vec::new();
            encode(7, record, &mut stored);
            assert_eq!(decode(8, &stored), None, "another record's place");
            assert_eq!(decode(7, &stored[..stored.len() - 1]), None, "cut off");
            assert_eq!(decode(7, &[]), None, "nothing there");
            for at in 0..stored.len() {
                let mut damaged = stored.clone();
                damaged[at] ^= 0x40;
                assert_eq!(decode(7, &damaged), None, "byte {at}");
            }
        }
    }
}

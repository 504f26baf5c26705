//! A claim: a writer's request for a partition, appended to the partition itself.

use uuid::Uuid;

use crate::{Header, Records, avro};

/// The schema of a claim's value, so that any Avro tool can read a whole topic.
pub const CLAIM_SCHEMA: &str = include_str!("../schemas/Claim.avsc");

/// Avro single-object encoding: marker and CRC-64-AVRO of [`CLAIM_SCHEMA`], little-endian.
const FRAME: [u8; 10] = [0xc3, 0x01, 0xac, 0xcc, 0x9a, 0x55, 0x8e, 0xdd, 0x8c, 0x3e];

/// Asks for ownership of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The ownership asked for: one more than the newest that the claimant knows of.
    pub epoch: u64,
    /// Who asks. New for every start of a process.
    pub claimant: Uuid,
    /// The sequence of the next valid event, as the claimant knew it.
    pub floor: u64,
    /// How many partitions the topic has, as the claimant sees it.
    pub partitions: u32,
}

impl Claim {
    /// The claim as a batch of one record, without a key.
    pub fn record(&self) -> Records {
        let mut records = Records::new();
        records.push_encoded(
            b"",
            |out| Header::Claim(*self).encode(out),
            |out| self.value(out),
        );
        records
    }

    /// The claim as an Avro value, framed. Readers of Factum take the header instead.
    fn value(&self, out: &mut Vec<u8>) {
        let claimant = self.claimant.to_string();
        out.extend_from_slice(&FRAME);
        avro::long(out, self.epoch as i64);
        avro::string(out, &claimant);
        avro::long(out, self.floor as i64);
        avro::long(out, self.partitions.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parsing canonical form of [`CLAIM_SCHEMA`].
    const CANONICAL: &str = concat!(
        r#"{"name":"factum.Claim","type":"record","fields":[{"name":"epoch","type":"long"},"#,
        r#"{"name":"claimant","type":"string"},{"name":"floor","type":"long"},"#,
        r#"{"name":"partitions","type":"int"}]}"#
    );

    #[test]
    fn the_frame_names_the_schema() {
        assert_eq!(
            FRAME[2..],
            avro::fingerprint(CANONICAL).to_le_bytes(),
            "{:02x?}",
            avro::fingerprint(CANONICAL).to_le_bytes()
        );
    }

    #[test]
    fn the_value_is_avro() {
        let claim = Claim {
            epoch: 64,
            claimant: Uuid::nil(),
            floor: 1,
            partitions: 8,
        };
        let records = claim.record();
        let value = records.get(0).unwrap().value;
        let text = b"00000000-0000-0000-0000-000000000000";
        assert_eq!(
            value[10..],
            [&[0x80, 0x01, 72][..], text, &[2, 16]].concat()
        );
    }
}

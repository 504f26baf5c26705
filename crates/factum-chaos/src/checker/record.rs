//! A record as the topic holds it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A record, not looked into. As JSON, bytes are hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawRecord {
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// Its key: the aggregate's id, nothing on a claim.
    #[serde(with = "hexadecimal")]
    pub key: Vec<u8>,
    /// Its header `factum`, if it has one.
    #[serde(with = "hexadecimal_if_any")]
    pub header: Option<Vec<u8>>,
    /// Its value.
    #[serde(with = "hexadecimal")]
    pub value: Vec<u8>,
}

/// The records of each partition, in their order.
pub fn by_partition(records: Vec<RawRecord>, partitions: u32) -> Vec<Vec<RawRecord>> {
    let mut all: Vec<Vec<RawRecord>> = (0..partitions).map(|_| Vec::new()).collect();
    for record in records {
        all[record.partition as usize].push(record);
    }
    all.iter_mut()
        .for_each(|it| it.sort_by_key(|record| record.offset));
    all
}

fn to_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_text<E: serde::de::Error>(text: &str) -> Result<Vec<u8>, E> {
    let digits: Option<Vec<u32>> = text.chars().map(|letter| letter.to_digit(16)).collect();
    let digits = digits.ok_or_else(|| E::custom("not hexadecimal"))?;
    Ok(digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | *digit as u8))
        .collect())
}

mod hexadecimal {
    use super::*;

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        super::to_text(bytes).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        super::from_text(&String::deserialize(from)?)
    }
}

mod hexadecimal_if_any {
    use super::*;

    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(super::to_text).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| super::from_text(&text)).transpose()
    }
}

//! The cases, and the oracles' answers.

use std::collections::BTreeSet;

use factum_schema::Schema;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub struct Cases {
    pub schemas: Vec<Value>,
    /// Texts that may be no schema.
    #[serde(rename = "rejected")]
    pub texts: Vec<String>,
    /// A name, the writer's and the reader's index, and values of the writer in hex.
    pairs: Vec<(String, usize, usize, Vec<String>)>,
}

/// A pair of schemas, and values of the writer's.
pub struct Pair<'a> {
    pub name: &'a str,
    pub writer: Schema,
    pub reader: Schema,
    pub values: Vec<Vec<u8>>,
}

impl Cases {
    /// The pairs, `None` for those that are not both schemas.
    pub fn parsed(&self) -> impl Iterator<Item = Option<Pair<'_>>> {
        let schema = |index: usize| Schema::parse(&self.schemas[index].to_string()).ok();
        self.pairs
            .iter()
            .map(move |(name, writer, reader, values)| {
                Some(Pair {
                    name,
                    writer: schema(*writer)?,
                    reader: schema(*reader)?,
                    values: values.iter().map(|value| unhex(value)).collect(),
                })
            })
    }
}

/// The rules that are broken, and each value as the reader writes it, unless it can't be read.
type Judgement = (BTreeSet<String>, Vec<Option<String>>);

#[derive(Deserialize)]
pub struct Java {
    /// Canonical form, CRC-64-AVRO and SHA-256, unless it is no schema.
    pub schemas: Vec<Option<(String, String, String)>>,
    pub texts: Vec<Option<(String, String, String)>>,
    pub pairs: Vec<Option<Judgement>>,
}

#[derive(Deserialize)]
pub struct Fastavro {
    pub fingerprints: Vec<Option<String>>,
    pub pairs: Vec<Vec<Option<String>>>,
}

pub fn cases() -> Cases {
    serde_json::from_str(include_str!("cases.json")).unwrap()
}

pub fn java() -> Java {
    serde_json::from_str(include_str!("java.json")).unwrap()
}

pub fn fastavro() -> Fastavro {
    serde_json::from_str(include_str!("fastavro.json")).unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

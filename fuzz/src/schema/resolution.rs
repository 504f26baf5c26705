//! Any bytes, brought from one schema's form into another's.

use std::sync::LazyLock;

use factum_schema::{DecodeErrorKind as Kind, Reader, Resolution, Schema};
use serde_json::Value;

use crate::memory::within;

struct Pair {
    resolution: Resolution,
    /// Each schema read as itself.
    writer: Resolution,
    reader: Resolution,
}

/// The oracles' pairs of which the one can be read as the other.
static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    let cases: Value = serde_json::from_str(super::CASES).expect("JSON");
    let schemas = cases["schemas"].as_array().expect("schemas").iter();
    let schemas: Vec<_> = schemas
        .map(|schema| Schema::parse(&schema.to_string()).ok())
        .collect();
    let schema = |index: &Value| schemas[index.as_u64()? as usize].as_ref();
    let pair = |case: &Value| {
        let (writer, reader) = (schema(&case[1])?, schema(&case[2])?);
        Some(Pair {
            resolution: Resolution::compile(writer, reader).ok()?,
            writer: Resolution::compile(writer, writer).ok()?,
            reader: Resolution::compile(reader, reader).ok()?,
        })
    };
    cases["pairs"]
        .as_array()
        .expect("pairs")
        .iter()
        .filter_map(pair)
        .collect()
});

/// The first two bytes choose the pair, the rest is the value. What is read is what the writer's schema
/// says, what is written is what the reader's says, and it is as small as is promised.
pub fn run(bytes: &[u8]) {
    let Some((which, datum)) = bytes.split_first_chunk() else {
        return;
    };
    let pair = &PAIRS[usize::from(u16::from_le_bytes(*which)) % PAIRS.len()];
    let mut out = Vec::new();
    let mut input = Reader::new(datum);
    // The buffer grows by doubling, and fields that change places are written twice.
    let most = 4 * Resolution::max_len(datum.len());
    let result = within(most, || pair.resolution.transcode(&mut input, &mut out));
    let mut copied = Vec::new();
    let mut own = Reader::new(datum);
    let valid = pair.writer.transcode(&mut own, &mut copied);
    match result {
        Ok(()) => {
            assert!(out.len() <= Resolution::max_len(datum.len()));
            assert_eq!(own.position(), input.position());
            assert_eq!(copied, datum[..own.position()]);
            let mut again = Vec::new();
            let mut written = Reader::new(&out);
            match pair.reader.transcode(&mut written, &mut again) {
                Ok(()) => assert_eq!(written.position(), out.len()),
                // What took no bytes may take some now, or a record may lie deeper.
                Err(error) => assert!(
                    matches!(error.kind(), Kind::Depth | Kind::EmptyItems),
                    "{error}"
                ),
            }
        }
        Err(error) => {
            assert!(out.is_empty());
            let bounded = matches!(error.kind(), Kind::Depth | Kind::TooLarge | Kind::Utf8);
            assert!(valid.is_err() || bounded, "{error}");
        }
    }
}

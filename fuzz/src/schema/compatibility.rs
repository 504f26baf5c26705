//! Two schemas that are drawn from bytes, the one read as the other.

use factum_schema::{Mode, Resolution, Rule, Schema, check, incompatibilities, meaning_changes};

use super::draw;
use crate::memory::within;

/// The first two bytes say where the reader's schema departs from the writer's, and how; the rest are
/// the decisions that both are drawn by.
pub fn run(bytes: &[u8]) {
    let Some(([at, by], decisions)) = bytes.split_first_chunk() else {
        return;
    };
    let mut others = decisions.to_vec();
    if let Some(other) = others.get_mut(usize::from(*at)) {
        *other ^= by;
    }
    let (Ok(writer), Ok(reader)) = (
        Schema::parse(&draw::schema(decisions)),
        Schema::parse(&draw::schema(&others)),
    ) else {
        return;
    };
    let most = (1 << 22) + 10_000 * decisions.len();
    within(most, || compare(&writer, &reader));
    let own = Resolution::compile(&writer, &writer).expect("a schema reads itself");
    assert!(own.is_copy());
}

fn compare(writer: &Schema, reader: &Schema) {
    let findings = incompatibilities(reader, writer);
    match Resolution::compile(writer, reader) {
        Ok(_) => assert!(findings.is_empty()),
        Err(errors) => {
            assert!(errors == findings || errors[0].rule == Rule::DefaultTooLarge);
            assert!(!errors.is_empty());
        }
    }
    assert!(findings.iter().all(|finding| !finding.rule.beyond_avro()));
    let meaning = meaning_changes(reader, writer);
    let all = check(Mode::Backward, &[writer], reader);
    assert_eq!(all.len(), findings.len() + meaning.len());
    if reader.canonical_form() == writer.canonical_form() {
        assert!(findings.is_empty());
    }
}

//! Two schemas that are drawn from bytes, the one read as the other.

use factum_schema::{
    DecodeErrorKind as Kind, Mode, Reader, Resolution, Rule, Schema, check, incompatibilities,
    meaning_changes,
};

use super::draw;
use super::draw_value::{drawn, write};
use crate::memory::within;

/// The first two bytes say where the reader's schema departs from the writer's, and how; the rest are
/// the decisions that both are drawn by. From 128 on the first says that its fields are turned.
pub fn run(bytes: &[u8]) {
    let Some(([at, by], decisions)) = bytes.split_first_chunk() else {
        return;
    };
    let mut others = decisions.to_vec();
    if let Some(other) = others.get_mut(usize::from(at % 128)) {
        *other ^= by;
    }
    let other = if *at < 128 {
        draw::schema(&others)
    } else {
        draw::turned(&others)
    };
    let (Ok(writer), Ok(reader)) = (
        Schema::parse(&draw::schema(decisions)),
        Schema::parse(&other),
    ) else {
        return;
    };
    let most = (1 << 22) + 10_000 * decisions.len();
    let resolution = within(most, || compare(&writer, &reader));
    let own = |schema| Resolution::compile(schema, schema).expect("a schema reads itself");
    assert!(own(&writer).is_copy());
    if let Some(resolution) = resolution {
        others.reverse();
        rewrite(&resolution, &writer, &own(&reader), &others);
    }
}

/// A drawn value of the writer's becomes one of the reader's.
fn rewrite(resolution: &Resolution, writer: &Schema, reader: &Resolution, decisions: &[u8]) {
    let Some(value) = drawn(writer, decisions) else {
        return;
    };
    let (mut written, mut read, mut copied) = (Vec::new(), Vec::new(), Vec::new());
    write(writer, writer.root(), &value, &mut written);
    let mut input = Reader::new(&written);
    match resolution.transcode(&mut input, &mut read) {
        Ok(()) => {
            assert_eq!(input.position(), written.len());
            let mut input = Reader::new(&read);
            let valid = reader.transcode(&mut input, &mut copied);
            assert!(valid.is_ok() && copied == read);
        }
        Err(error) => assert_eq!(*error.kind(), Kind::Utf8, "{value:?}"),
    }
}

/// The resolution, if the verdict is that there is one.
fn compare(writer: &Schema, reader: &Schema) -> Option<Resolution> {
    let findings = incompatibilities(reader, writer);
    let resolution = Resolution::compile(writer, reader);
    match &resolution {
        Ok(_) => assert!(findings.is_empty()),
        Err(errors) => {
            assert!(*errors == findings || errors[0].rule == Rule::DefaultTooLarge);
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
    resolution.ok()
}

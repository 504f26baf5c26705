//! Bringing values from one schema's form into another's: what the oracles don't ask.

use factum_schema::{DecodeError, DecodeErrorKind, Reader, Resolution, Rule, Schema, write};

fn schema(json: &str) -> Schema {
    Schema::parse(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn resolution(writer: &str, reader: &str) -> Resolution {
    Resolution::compile(&schema(writer), &schema(reader)).unwrap()
}

fn transcode(resolution: &Resolution, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    resolution.transcode(&mut Reader::new(bytes), &mut out)?;
    Ok(out)
}

fn refused(resolution: &Resolution, bytes: &[u8]) -> DecodeErrorKind {
    transcode(resolution, bytes).unwrap_err().kind().clone()
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
}

const LIST: &str = r#"{"type": "record", "name": "List", "fields": [
    {"name": "value", "type": "int"}, {"name": "tail", "type": ["null", "List"]}]}"#;

#[test]
fn what_both_write_alike_is_a_copy() {
    let renamed = LIST
        .replace("\"int\"", "\"long\"")
        .replace("value", "number\", \"aliases\": [\"value\"], \"doc\": \"");
    assert!(resolution(LIST, LIST).is_copy());
    assert!(
        resolution(LIST, &renamed).is_copy(),
        "a long is written as an int is"
    );
    let tail_first = r#"{"type": "record", "name": "List", "fields": [
        {"name": "tail", "type": ["null", "List"]}, {"name": "value", "type": "int"}]}"#;
    assert!(!resolution(LIST, tail_first).is_copy());
    assert!(
        !resolution(
            LIST,
            &LIST.replace("[\"null\", \"List\"]", "[\"List\", \"null\"]")
        )
        .is_copy()
    );
    assert!(resolution(r#"["null", "int"]"#, r#"["null", "long", "string"]"#).is_copy());
    let symbols =
        |symbols: &str| format!(r#"{{"type": "enum", "name": "E", "symbols": [{symbols}]}}"#);
    assert!(resolution(&symbols(r#""A", "B""#), &symbols(r#""A", "B", "C""#)).is_copy());
    assert!(!resolution(&symbols(r#""A", "B""#), &symbols(r#""B", "A""#)).is_copy());
}

#[test]
fn a_copy_is_looked_at() {
    let text = resolution(r#""string""#, r#""string""#);
    assert_eq!(refused(&text, &[2, 0xff]), DecodeErrorKind::Utf8);
    assert_eq!(refused(&text, &[4, b'a']), DecodeErrorKind::Length(2));
    let union = resolution(r#"["null", "boolean"]"#, r#"["null", "boolean"]"#);
    assert_eq!(
        refused(&union, &[4]),
        DecodeErrorKind::Index { index: 2, count: 2 }
    );
    assert_eq!(refused(&union, &[2, 2]), DecodeErrorKind::Boolean(2));
    assert_eq!(
        refused(
            &resolution(r#""int""#, r#""long""#),
            &[0xfe, 0xff, 0xff, 0xff, 0x1f]
        ),
        DecodeErrorKind::Overflow("int")
    );
    assert_eq!(
        refused(&resolution(r#""bytes""#, r#""string""#), &[2, 0xff]),
        DecodeErrorKind::Utf8
    );
}

/// The record keeps its bytes, but not everything that its writer may have written is a string.
#[test]
fn bytes_that_are_read_as_a_string_are_looked_at_wherever_they_stand() {
    let writer = record(r#"{"name": "x", "type": {"type": "array", "items": "bytes"}}"#);
    let reader = record(r#"{"name": "x", "type": {"type": "array", "items": "string"}}"#);
    let resolution = resolution(&writer, &reader);
    assert_eq!(
        transcode(&resolution, &[2, 2, b'a', 0]).unwrap(),
        [2, 2, b'a', 0]
    );
    assert_eq!(
        refused(&resolution, &[2, 2, 0xff, 0]),
        DecodeErrorKind::Utf8
    );
}

/// The value goes behind what stands there already, and leaves no trace if it is none.
#[test]
fn a_value_that_fails_leaves_the_buffer_as_it_was() {
    let writer = record(r#"{"name": "a", "type": "int"}, {"name": "b", "type": "boolean"}"#);
    let reader = record(r#"{"name": "b", "type": "boolean"}, {"name": "a", "type": "double"}"#);
    let resolution = resolution(&writer, &reader);
    let mut out = vec![7];
    let mut input = Reader::new(&[2, 1, 9]);
    resolution.transcode(&mut input, &mut out).unwrap();
    assert_eq!(out, [7, 1, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    assert_eq!(input.position(), 2, "what follows is the caller's");
    let before = out.clone();
    assert!(
        resolution
            .transcode(&mut Reader::new(&[2, 5]), &mut out)
            .is_err()
    );
    assert_eq!(out, before);
}

#[test]
fn blocks_with_sizes_are_read() {
    let resolution = resolution(
        r#"{"type": "array", "items": "int"}"#,
        r#"{"type": "array", "items": "double"}"#,
    );
    let sized = transcode(&resolution, &[1, 2, 2, 2, 4, 0]).unwrap();
    assert_eq!(sized, transcode(&resolution, &[2, 2, 2, 4, 0]).unwrap());
}

/// What is copied would be refused where its size is believed.
#[test]
fn a_block_that_lies_about_its_size_is_refused() {
    let nulls = |items: &str| format!(r#"{{"type": "array", "items": {items}}}"#);
    let copy = resolution(&nulls(r#""null""#), &nulls(r#""null""#));
    assert_eq!(transcode(&copy, &[1, 0, 0]).unwrap(), [1, 0, 0]);
    assert_eq!(refused(&copy, &[1, 4, 0, 0, 0]), DecodeErrorKind::BlockSize);
    let grown = resolution(&nulls(r#""int""#), &nulls(r#""double""#));
    assert_eq!(
        refused(&grown, &[1, 4, 2, 0, 0]),
        DecodeErrorKind::BlockSize
    );
    let map = |values: &str| format!(r#"{{"type": "map", "values": {values}}}"#);
    let copy = resolution(&map(r#""null""#), &map(r#""null""#));
    assert_eq!(refused(&copy, &[1, 4, 0, 0, 0]), DecodeErrorKind::BlockSize);
}

#[test]
fn depth_is_bounded() {
    let mut bytes = Vec::new();
    for _ in 0..340 {
        bytes.extend([2, 2]);
    }
    bytes.extend([2, 0]);
    let wider = LIST.replace("\"int\"", "\"double\"");
    let resolution = resolution(LIST, &wider);
    assert!(transcode(&resolution, &bytes).is_ok());
    assert_eq!(refused(&resolution, &[2; 100_000]), DecodeErrorKind::Depth);
    let copy = Resolution::compile(&schema(LIST), &schema(LIST)).unwrap();
    assert_eq!(refused(&copy, &[2; 100_000]), DecodeErrorKind::Depth);
    let own = record(r#"{"name": "own", "type": "R"}"#);
    let copy = Resolution::compile(&schema(&own), &schema(&own)).unwrap();
    assert_eq!(refused(&copy, &[]), DecodeErrorKind::Depth);
}

#[test]
fn growth_is_bounded() {
    let text = "x".repeat(100_000);
    let writer = format!(r#"{{"type": "array", "items": {}}}"#, record(""));
    let reader = format!(
        r#"{{"type": "array", "items": {}}}"#,
        record(&format!(
            r#"{{"name": "text", "type": "string", "default": "{text}"}}"#
        ))
    );
    let resolution = resolution(&writer, &reader);
    let items = |count: i64| {
        let mut bytes = Vec::new();
        write::long(&mut bytes, count);
        bytes.push(0);
        bytes
    };
    assert_eq!(
        transcode(&resolution, &items(10)).unwrap().len(),
        10 * 100_003 + 2
    );
    assert_eq!(
        refused(&resolution, &items(60_000)),
        DecodeErrorKind::TooLarge
    );
}

/// Items of no bytes become some without any default.
#[test]
fn growth_of_nothing_is_bounded() {
    let wide = |ty: &str| {
        let field = |index: usize| format!(r#"{{"name": "f{index}", "type": {ty}}}"#);
        let fields: Vec<_> = (0..200).map(field).collect();
        format!(
            r#"{{"type": "array", "items": {}}}"#,
            record(&fields.join(","))
        )
    };
    let resolution = resolution(&wide(r#""null""#), &wide(r#"["int", "null"]"#));
    let mut bytes = Vec::new();
    write::long(&mut bytes, 60_000);
    bytes.push(0);
    assert_eq!(refused(&resolution, &bytes), DecodeErrorKind::TooLarge);
}

#[test]
fn a_default_that_holds_itself_is_refused() {
    let reader = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "default": {}, "type":
        {"type": "record", "name": "A", "fields": [{"name": "a", "type": "A", "default": {}}]}}]}"#;
    let findings = Resolution::compile(&schema(&record("")), &schema(reader)).unwrap_err();
    let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, [Rule::DefaultTooLarge]);
}

/// However many records they stand in: 2 of 600,000 bytes each.
#[test]
fn defaults_are_bounded_together() {
    let text = "x".repeat(600_000);
    let inner = |name: &str, fields: &str| {
        format!(
            r#"{{"name": "{name}", "type": {{"type": "record", "name": "{name}", "fields": [{fields}]}}}}"#
        )
    };
    let field = format!(r#"{{"name": "text", "type": "string", "default": "{text}"}}"#);
    let both = |a: &str, b: &str| record(&format!("{}, {}", inner("A", a), inner("B", b)));
    let rules = |reader: &str| {
        let resolution = Resolution::compile(&schema(&both("", "")), &schema(reader));
        let findings = resolution.err().unwrap_or_default().into_iter();
        findings.map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(&both(&field, "")), []);
    assert_eq!(rules(&both(&field, &field)), [Rule::DefaultTooLarge]);
}

#[test]
fn what_can_not_be_read_is_told_in_full() {
    let writer = record(r#"{"name": "a", "type": "long"}"#);
    let reader = record(r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#);
    let findings = Resolution::compile(&schema(&writer), &schema(&reader)).unwrap_err();
    assert_eq!(findings.len(), 2);
}

//! Values as tools show them.

use factum_schema::{DecodeErrorKind, Reader, Schema, write};

fn json(schema: &str, value: impl FnOnce(&mut Vec<u8>)) -> String {
    let schema = Schema::parse(schema).unwrap();
    let mut bytes = Vec::new();
    value(&mut bytes);
    let mut input = Reader::new(&bytes);
    let value = schema.value(&mut input).unwrap();
    input.finish().unwrap();
    serde_json::to_string(&value).unwrap()
}

fn refused(schema: &str, bytes: &[u8]) -> DecodeErrorKind {
    let schema = Schema::parse(schema).unwrap();
    let error = schema.value(&mut Reader::new(bytes)).unwrap_err();
    error.kind().clone()
}

fn long(logical: &str, value: i64) -> String {
    let schema = format!(r#"{{"type": "long", "logicalType": "{logical}"}}"#);
    json(&schema, |out| write::long(out, value))
}

#[test]
fn plain_types_are_told_as_json() {
    assert_eq!(json(r#""null""#, |_| {}), "null");
    assert_eq!(
        json(r#""boolean""#, |out| write::boolean(out, true)),
        "true"
    );
    assert_eq!(json(r#""int""#, |out| write::int(out, -7)), "-7");
    assert_eq!(
        json(r#""long""#, |out| write::long(out, i64::MIN)),
        "-9223372036854775808"
    );
    assert_eq!(json(r#""float""#, |out| write::float(out, 1.1)), "1.1");
    assert_eq!(json(r#""double""#, |out| write::double(out, 0.1)), "0.1");
    assert_eq!(
        json(r#""double""#, |out| write::double(out, f64::NAN)),
        r#""NaN""#
    );
    assert_eq!(
        json(r#""float""#, |out| write::float(out, f32::NEG_INFINITY)),
        r#""-Infinity""#
    );
    assert_eq!(
        json(r#""bytes""#, |out| write::bytes(out, &[255, 0])),
        r#""/wA=""#
    );
    assert_eq!(
        json(r#""string""#, |out| write::string(out, "na\"ïve")),
        r#""na\"ïve""#
    );
}

#[test]
fn a_records_fields_stand_in_the_schemas_order() {
    let schema = r#"{"type": "record", "name": "R", "fields": [
        {"name": "z", "type": {"type": "array", "items": {"type": "fixed", "name": "F", "size": 1}}},
        {"name": "a", "type": {"type": "map", "values": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}}}]}"#;
    let told = json(schema, |out| out.extend([4, 0, 255, 0, 2, 2, b'k', 2, 0]));
    assert_eq!(told, r#"{"z":["AA==","/w=="],"a":{"k":"Y"}}"#);
}

#[test]
fn a_branch_is_named_where_it_would_be_mistaken() {
    let nullable = r#"["null", "long"]"#;
    assert_eq!(json(nullable, |out| out.extend([0])), "null");
    assert_eq!(json(nullable, |out| out.extend([2, 2])), "1");
    let apart = r#"["null", "long", "string", {"type": "array", "items": "int"}]"#;
    assert_eq!(json(apart, |out| out.extend([2, 2])), "1");
    let alike = r#"["null", "int", "double", {"type": "record", "name": "a.R", "fields": []},
        {"type": "map", "values": "int"}]"#;
    assert_eq!(json(alike, |out| out.extend([0])), "null");
    assert_eq!(json(alike, |out| out.extend([2, 2])), r#"{"int":1}"#);
    assert_eq!(json(alike, |out| out.extend([6])), r#"{"a.R":{}}"#);
    let time = r#"["string", {"type": "long", "logicalType": "timestamp-millis"}]"#;
    assert_eq!(
        json(time, |out| out.extend([2, 0])),
        r#"{"long":"1970-01-01T00:00:00Z"}"#
    );
}

#[test]
fn logical_types_are_told_as_people_read_them() {
    assert_eq!(
        long("timestamp-millis", 1_234),
        r#""1970-01-01T00:00:01.234Z""#
    );
    assert_eq!(
        long("timestamp-micros", -1),
        r#""1969-12-31T23:59:59.999999Z""#
    );
    assert_eq!(
        long("timestamp-nanos", 1),
        r#""1970-01-01T00:00:00.000000001Z""#
    );
    assert_eq!(
        long("local-timestamp-millis", 1_000),
        r#""1970-01-01T00:00:01""#
    );
    assert_eq!(long("time-micros", 3_600_000_000), r#""01:00:00""#);
    assert_eq!(
        json(r#"{"type": "int", "logicalType": "date"}"#, |out| out
            .push(2)),
        r#""1970-01-02""#
    );
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 40, "scale": 2}"#;
    assert_eq!(
        json(decimal, |out| write::bytes(out, &[0xfb, 0x2e])),
        r#""-12.34""#
    );
    let fixed = r#"{"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal", "precision": 4, "scale": 2}"#;
    assert_eq!(json(fixed, |out| out.extend([0, 5])), r#""0.05""#);
    let big = r#"{"type": "bytes", "logicalType": "big-decimal"}"#;
    assert_eq!(json(big, |out| write::bytes(out, &[2, 15, 2])), r#""1.5""#);
    let uuid = r#"{"type": "fixed", "name": "U", "size": 16, "logicalType": "uuid"}"#;
    assert_eq!(
        json(uuid, |out| out.extend([1; 16])),
        r#""01010101-0101-0101-0101-010101010101""#
    );
    let duration = r#"{"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}"#;
    let told = json(duration, |out| {
        out.extend([1, 0, 0, 0, 2, 0, 0, 0, 0xbc, 0x0b, 0, 0])
    });
    assert_eq!(told, r#""P1M2DT3.004S""#);
}

#[test]
fn what_is_none_of_a_logical_types_values_is_told_as_the_plain_type() {
    assert_eq!(long("timestamp-millis", i64::MAX), i64::MAX.to_string());
    assert_eq!(long("made-up", 5), "5");
    let decimal = r#"{"type": "bytes", "logicalType": "decimal", "precision": 40}"#;
    assert_eq!(json(decimal, |out| write::bytes(out, &[])), r#""""#);
    let uuid = r#"{"type": "string", "logicalType": "uuid"}"#;
    assert_eq!(
        json(uuid, |out| write::string(out, "no uuid")),
        r#""no uuid""#
    );
}

#[test]
fn a_member_is_found_by_its_name() {
    let schema = Schema::parse(r#"{"type": "map", "values": "int"}"#).unwrap();
    let value = schema
        .value(&mut Reader::new(&[4, 2, b'a', 2, 2, b'a', 4, 0]))
        .unwrap();
    assert_eq!(
        value.get("a").map(ToString::to_string).as_deref(),
        Some("2")
    );
    assert_eq!(value.get("b"), None);
}

#[test]
fn bytes_cannot_ask_for_more_than_their_share() {
    let nulls = r#"{"type": "array", "items": "null"}"#;
    let mut bytes = Vec::new();
    write::long(&mut bytes, 1 << 40);
    assert_eq!(refused(nulls, &bytes), DecodeErrorKind::EmptyItems);
    // Each of 60000 records of no bytes would hold 100 nulls.
    let field = |index: usize| format!(r#"{{"name": "f{index}", "type": "null"}}"#);
    let fields: Vec<_> = (0..100).map(field).collect();
    let wide = format!(
        r#"{{"type": "array", "items": {{"type": "record", "name": "R", "fields": [{}]}}}}"#,
        fields.join(",")
    );
    let mut bytes = Vec::new();
    write::long(&mut bytes, 60_000);
    assert_eq!(refused(&wide, &bytes), DecodeErrorKind::TooManyValues);
    bytes.clear();
    write::long(&mut bytes, 700);
    assert_eq!(refused(&wide, &bytes), DecodeErrorKind::TooManyValues);
    let many = |count: usize| {
        let mut bytes = Vec::new();
        write::long(&mut bytes, count as i64);
        bytes.push(0);
        bytes
    };
    let most = Schema::MAX_EMPTY_VALUES;
    assert_eq!(refused(nulls, &many(most + 1)), DecodeErrorKind::EmptyItems);
    let told = json(nulls, |out| out.extend(many(most)));
    assert_eq!(told.len(), 5 * most + 1);
    let list =
        r#"{"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}"#;
    assert_eq!(refused(list, &[2; 10_000]), DecodeErrorKind::Depth);
    let own = r#"{"type": "record", "name": "L", "fields": [{"name": "next", "type": "L"}]}"#;
    assert!(matches!(refused(own, &[]), DecodeErrorKind::Depth));
}

/// 70000 items that take bytes are no empty ones.
#[test]
fn a_long_array_is_read() {
    let told = json(r#"{"type": "array", "items": "int"}"#, |out| {
        write::array(out, &[1; 70_000], |out, item| write::int(out, *item));
    });
    assert_eq!(told.len(), 2 * 70_000 + 1);
}

/// However few bytes an item takes, it is read: generated code reads it, too.
#[test]
fn many_small_records_within_records_are_read() {
    let schema = r#"{"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": {"type": "record", "name": "Sku", "fields": [
            {"name": "number", "type": {"type": "record", "name": "Number", "fields": [{"name": "n", "type": "int"}]}}]}}]}}"#;
    let told = json(schema, |out| {
        write::array(out, &[1; 100_000], |out, item| write::int(out, *item));
    });
    assert!(told.starts_with(r#"[{"sku":{"number":{"n":1}}},"#));
}

#[test]
fn a_block_has_the_bytes_that_it_says() {
    let ints = r#"{"type": "array", "items": "int"}"#;
    let block = |size: i64| {
        let mut bytes = Vec::new();
        for number in [-2, size, 7, 8, 0] {
            write::long(&mut bytes, number);
        }
        bytes
    };
    assert_eq!(json(ints, |out| out.extend(block(2))), "[7,8]");
    for size in [0, 1, 3] {
        assert_eq!(refused(ints, &block(size)), DecodeErrorKind::BlockSize);
    }
}

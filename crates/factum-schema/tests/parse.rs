//! Mistakes in schemas: each is found, with its place.

use factum_schema::Schema;

/// The findings, as `pointer: message` lines.
fn findings(json: &str) -> Vec<String> {
    let error = Schema::parse(json).expect_err("there is a mistake in it");
    error.to_string().lines().map(str::to_owned).collect()
}

fn field(ty: &str) -> String {
    format!(r#"{{"type": "record", "name": "R", "fields": [{{"name": "f", "type": {ty}}}]}}"#)
}

fn defaulted(ty: &str, default: &str) -> String {
    format!(
        r#"{{"type": "record", "name": "R", "fields": [{{"name": "f", "type": {ty}, "default": {default}}}]}}"#
    )
}

#[track_caller]
fn finds(json: &str, expected: &str) {
    assert_eq!(findings(json), [expected]);
}

#[test]
fn text_that_is_not_json() {
    finds(
        "{",
        "can't read the JSON: EOF while parsing an object at line 1 column 1",
    );
}

#[test]
fn what_is_missing() {
    finds("{}", "`type` is missing");
    finds(r#"{"type": "record", "fields": []}"#, "`name` is missing");
    finds(
        r#"{"type": "record", "name": "R"}"#,
        "`fields` is missing, or not an array",
    );
    finds(
        r#"{"type": "enum", "name": "E"}"#,
        "`symbols` is missing, or not an array",
    );
    finds(r#"{"type": "array"}"#, "`items` is missing");
    finds(r#"{"type": "map"}"#, "`values` is missing");
    let size = "`size` is missing, or not a number of bytes";
    finds(r#"{"type": "fixed", "name": "F"}"#, size);
    finds(r#"{"type": "fixed", "name": "F", "size": -1}"#, size);
    finds(
        r#"{"type": "record", "name": "R", "fields": [{"type": "int"}]}"#,
        "/fields/0: `name` is missing",
    );
}

#[test]
fn all_mistakes_are_found_at_once() {
    let json = r#"{"type": "record", "name": "R", "fields": [
        {"name": "a", "type": "integer"}, {"name": "b"}, {"name": "c", "type": "int"}, {"name": "c", "type": 7}]}"#;
    assert_eq!(
        findings(json),
        [
            "/fields/0/type: unknown type `integer`; a type is defined before it is used by name",
            "/fields/1: `type` is missing",
            "/fields/3/type: a type is a name, an object or an array of types",
        ]
    );
}

#[test]
fn names_that_are_none() {
    let rule = "letters, digits and underscores, not starting with a digit";
    let name = |name: &str| format!(r#"{{"type": "enum", "name": "{name}", "symbols": ["A"]}}"#);
    finds(&name("1st"), &format!("/name: `1st` is not a name: {rule}"));
    finds(
        &name("a..b"),
        &format!("/name: `a..b` is not a name: {rule}"),
    );
    finds(
        &name("x.string"),
        "/name: `string` is the name of an Avro type",
    );
    finds(
        r#"{"type": "enum", "name": "E", "symbols": ["A", "b-c"]}"#,
        &format!("/symbols/1: \"b-c\" is not a name: {rule}"),
    );
    finds(
        r#"{"type": "record", "name": "R", "fields": [{"name": "a.b", "type": "int"}]}"#,
        &format!("/fields/0/name: \"a.b\" is not a name: {rule}"),
    );
}

#[test]
fn names_that_are_taken() {
    finds(
        r#"{"type": "record", "name": "R", "fields": [
            {"name": "a", "type": {"type": "fixed", "name": "R", "size": 1}}]}"#,
        "/fields/0/type/name: `R` is defined already",
    );
    finds(
        r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "a", "type": "int"}]}"#,
        "/fields/1/name: the record has a field `a` already",
    );
    finds(
        r#"{"type": "enum", "name": "E", "symbols": ["A", "A"]}"#,
        "/symbols: a symbol stands there twice",
    );
}

#[test]
fn unions_that_are_none() {
    finds(
        &field(r#"["int", ["null"]]"#),
        "/fields/0/type/1: a union can't hold a union",
    );
    finds(
        &field(r#"["int", "int"]"#),
        "/fields/0/type/1: the union has `int` already",
    );
}

#[test]
fn keys_that_stand_there_twice() {
    finds(
        r#"{"type": "enum", "name": "E", "symbols": ["A"], "symbols": ["B"]}"#,
        "can't read the JSON: the key `symbols` stands there twice at line 1 column 57",
    );
}

#[test]
fn defaults_that_do_not_fit() {
    let misfit = |ty: &str, default: &str, label: &str| {
        let expected = format!("/fields/0/default: {default} is no value of the type `{label}`");
        finds(&defaulted(ty, default), &expected);
    };
    misfit(r#""int""#, "2147483648", "int");
    misfit(r#""long""#, "1.5", "long");
    misfit(r#""string""#, "null", "string");
    misfit(r#""bytes""#, "\"\u{100}\"", "bytes");
    misfit(
        r#"{"type": "fixed", "name": "F", "size": 2}"#,
        r#""abc""#,
        "F",
    );
    misfit(
        r#"{"type": "enum", "name": "E", "symbols": ["A"]}"#,
        r#""B""#,
        "E",
    );
    finds(
        &defaulted(r#"{"type": "map", "values": "int"}"#, r#"{"a/b": "x"}"#),
        "/fields/0/default/a~1b: \"x\" is no value of the type `int`",
    );
    finds(
        &defaulted(r#"["null", "int"]"#, r#""x""#),
        "/fields/0/default: \"x\" fits no branch of the union, which are null, int",
    );
    finds(
        &defaulted(
            r#"{"type": "record", "name": "I", "fields": [{"name": "n", "type": "int"}]}"#,
            "{}",
        ),
        "/fields/0/default: the field `n` has no value here",
    );
    finds(
        r#"{"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}"#,
        "/default: `B` is not one of the symbols",
    );
}

/// Each of 100 levels fits one of two branches or none: not 2^100 ways to look at it.
#[test]
fn a_default_of_unions_within_unions_is_looked_at_once() {
    let both =
        r#"["A", {"type": "record", "name": "B", "fields": [{"name": "x", "type": ["A", "B"]}]}]"#;
    let nested = format!("{}5{}", r#"{"x": "#.repeat(100), "}".repeat(100));
    let field = format!(r#"{{"name": "x", "type": {both}, "default": {nested}}}"#);
    let schema = format!(r#"{{"type": "record", "name": "A", "fields": [{field}]}}"#);
    let error = Schema::parse(&schema).unwrap_err().to_string();
    assert!(error.ends_with("fits no branch of the union, which are A, B"));
}

#[test]
fn defaults_that_fit() {
    for (ty, default) in [
        (r#""int""#, "-2147483648"),
        (r#""double""#, "1"),
        (r#""bytes""#, "\"\u{ff}\""),
        (r#"["string", "null"]"#, r#""x""#),
        (r#"["null", "string"]"#, r#""x""#),
        (r#"{"type": "array", "items": "int"}"#, "[1, 2]"),
    ] {
        Schema::parse(&defaulted(ty, default)).unwrap();
    }
}

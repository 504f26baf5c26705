//! What a reader can't read, where, and what to do; and the modes over a history.

use factum_schema::{
    Direction, Incompatibility, Mode, Rule, Schema, check, incompatibilities, meaning_changes,
};

fn schema(json: &str) -> Schema {
    Schema::parse(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn record(fields: &str) -> String {
    format!(r#"{{"type": "record", "name": "bank.Paid", "fields": [{fields}]}}"#)
}

fn found(reader: &str, writer: &str) -> Vec<Incompatibility> {
    incompatibilities(&schema(reader), &schema(writer))
}

fn rules(reader: &str, writer: &str) -> Vec<Rule> {
    found(reader, writer).iter().map(|f| f.rule).collect()
}

fn meant(reader: &str, writer: &str) -> Vec<Rule> {
    let all = meaning_changes(&schema(reader), &schema(writer));
    assert!(all.iter().all(|finding| finding.rule.beyond_avro()));
    all.iter().map(|f| f.rule).collect()
}

#[test]
fn every_finding_is_listed_with_both_places() {
    let old = record(
        r#"{"name": "to", "type": "string"}, {"name": "how", "type": {"type": "enum", "name": "How",
           "symbols": ["CARD", "CASH"]}}, {"name": "note", "type": ["null", "string", "int"]}"#,
    );
    let new = record(
        r#"{"name": "how", "type": {"type": "enum", "name": "How", "symbols": ["CARD"]}},
           {"name": "cents", "type": "long"}, {"name": "to", "type": "int"},
           {"name": "note", "type": ["null", "string"]}"#,
    );
    let found = found(&new, &old);
    let places: Vec<_> = found
        .iter()
        .map(|f| (f.rule, f.reader.as_str(), f.writer.as_str()))
        .collect();
    assert_eq!(
        places,
        [
            (Rule::ReaderFieldMissingDefaultValue, "/fields/1", ""),
            (Rule::TypeMismatch, "/fields/2/type", "/fields/0/type"),
            (
                Rule::MissingUnionBranch,
                "/fields/3/type",
                "/fields/2/type/2"
            ),
            (
                Rule::MissingEnumSymbols,
                "/fields/0/type/symbols",
                "/fields/1/type/symbols"
            ),
        ]
    );
    assert_eq!(
        found[0].to_string(),
        "the field `cents` has no default, and the `bank.Paid` that was written has no such field; give it a default, \
         or put the older field's name into its `aliases`"
    );
}

/// The finding of a shared type stands where the type is defined, once.
#[test]
fn a_shared_type_may_move_within_its_file() {
    let money =
        r#"{"type": "record", "name": "Money", "fields": [{"name": "cents", "type": "long"}]}"#;
    let old = record(&format!(
        r#"{{"name": "a", "type": {money}}}, {{"name": "b", "type": "Money"}}"#
    ));
    let new = record(&format!(r#"{{"name": "b", "type": {money}}}"#));
    assert_eq!(found(&new, &old), []);
    let wrong = new.replace("\"long\"", "\"int\"");
    assert_eq!(rules(&wrong, &old), [Rule::TypeMismatch]);
    let twice = old.replace("\"long\"", "\"int\"");
    assert_eq!(rules(&twice, &old), [Rule::TypeMismatch]);
}

#[test]
fn a_shared_name_of_two_meanings_is_compared_by_what_it_is() {
    let old = record(
        r#"{"name": "a", "type": {"type": "fixed", "name": "X", "size": 2}}, {"name": "b", "type": "X"}"#,
    );
    let new = record(r#"{"name": "b", "type": {"type": "fixed", "name": "X", "size": 3}}"#);
    assert_eq!(rules(&new, &old), [Rule::FixedSizeMismatch]);
}

#[test]
fn names_match_without_namespace_or_by_alias() {
    let old = r#"{"type": "record", "name": "a.Old", "fields": []}"#;
    let alias = r#"{"type": "record", "name": "b.New", "aliases": ["a.Old"], "fields": []}"#;
    let near = r#"{"type": "record", "name": "b.New", "aliases": ["Old"], "fields": []}"#;
    assert_eq!(
        found(r#"{"type": "record", "name": "b.Old", "fields": []}"#, old),
        []
    );
    assert_eq!(found(alias, old), []);
    assert_eq!(rules(near, old), [Rule::NameMismatch]);
    assert_eq!(
        rules(r#"{"type": "enum", "name": "a.Old", "symbols": []}"#, old),
        [Rule::TypeMismatch]
    );
}

/// A list that holds itself, whose tail was widened; and one whose other field was narrowed.
#[test]
fn types_that_hold_themselves_fit_until_the_opposite_is_shown() {
    let list = |value: &str| {
        format!(
            r#"{{"type": "record", "name": "List", "fields": [
                {{"name": "tail", "type": ["null", "List"]}}, {{"name": "value", "type": "{value}"}}]}}"#
        )
    };
    assert_eq!(found(&list("long"), &list("int")), []);
    assert_eq!(rules(&list("int"), &list("long")), [Rule::TypeMismatch]);
}

/// `Y` is refuted only after `X`, which holds it, was thought to fit: the union's other branch reads it.
#[test]
fn what_counted_on_a_refuted_type_is_looked_at_again() {
    let x = |name: &str, y: &str, value: &str| {
        format!(
            r#"{{"type": "record", "name": "{name}", "fields": [{{"name": "y", "type":
                {{"type": "record", "name": {y}, "fields": [{{"name": "v", "type": "{value}"}}]}}}}]}}"#
        )
    };
    let writer = x("a.X", r#""a.Y""#, "long");
    let (near, far) = (x("a.X", r#""a.Y""#, "int"), x("b.X", r#""b.Y""#, "long"));
    assert_eq!(rules(&near, &writer), [Rule::TypeMismatch]);
    assert_eq!(found(&format!("[{near}, {far}]"), &writer), []);
}

#[test]
fn a_union_takes_the_nearest_branch_that_fits() {
    assert_eq!(found(r#"["string", "long"]"#, r#""int""#), []);
    assert_eq!(found(r#""long""#, r#"["int", "long"]"#), []);
    assert_eq!(
        rules(r#""long""#, r#"["null", "long"]"#),
        [Rule::TypeMismatch]
    );
    assert_eq!(
        rules(r#"["null"]"#, r#"["null", "long"]"#),
        [Rule::MissingUnionBranch]
    );
    assert_eq!(found("[]", "[]"), []);
    let inner = rules(
        r#"["null", {"type": "array", "items": "int"}]"#,
        r#"{"type": "array", "items": "long"}"#,
    );
    assert_eq!(inner, [Rule::TypeMismatch]);
}

#[test]
fn a_field_is_read_from_one_field() {
    let two = record(r#"{"name": "a", "type": "int"}, {"name": "b", "type": "int"}"#);
    let one = record(r#"{"name": "a", "aliases": ["b"], "type": "int"}"#);
    assert_eq!(rules(&one, &two), [Rule::AmbiguousField]);
    let both =
        record(r#"{"name": "a", "type": "int"}, {"name": "b", "aliases": ["a"], "type": "int"}"#);
    let a = record(r#"{"name": "a", "type": "int"}"#);
    assert_eq!(rules(&both, &a), [Rule::AmbiguousField]);
}

#[test]
fn what_changes_the_meaning_is_told_beyond_avro() {
    let long = |logical: &str| format!(r#"{{"type": "long", "logicalType": "{logical}"}}"#);
    let (millis, micros) = (long("timestamp-millis"), long("timestamp-micros"));
    let date = r#"{"type": "int", "logicalType": "date"}"#;
    assert_eq!(found(&micros, &millis), []);
    assert_eq!(meant(&micros, &millis), [Rule::LogicalTypeChanged]);
    assert_eq!(meant(&millis, date), [Rule::LogicalTypeChanged]);
    assert_eq!(meant(&micros, r#""long""#), [Rule::LogicalTypeChanged]);
    assert_eq!(meant(r#""long""#, &micros), []);
    assert_eq!(meant(r#""long""#, &long("made-up")), []);
    assert_eq!(meant(&long("made-up"), r#""long""#), []);
    assert_eq!(meant(&long("date"), r#""long""#), [], "a date is an int");
    assert_eq!(
        meant(&format!(r#"["null", {micros}]"#), &millis),
        [Rule::LogicalTypeChanged]
    );
    assert_eq!(meant(r#""double""#, r#""long""#), [Rule::LossyPromotion]);
    assert_eq!(meant(r#""float""#, r#""int""#), [Rule::LossyPromotion]);
    assert_eq!(meant(r#""double""#, r#""int""#), []);
    assert_eq!(meant(r#""string""#, r#""bytes""#), [Rule::BytesAsText]);
    assert_eq!(meant(r#""bytes""#, r#""string""#), []);
}

#[test]
fn a_mode_says_who_reads_whom() {
    let first = schema(&record(r#"{"name": "a", "type": "int"}"#));
    let second = schema(&record(""));
    let newest = schema(&record(r#"{"name": "a", "type": "string"}"#));
    let found = |mode: &str| {
        let found = check(mode.parse().unwrap(), &[&first, &second], &newest);
        let short = |v: &factum_schema::Violation| (v.older, v.direction, v.incompatibility.rule);
        found.iter().map(short).collect::<Vec<_>>()
    };
    let backward = (1, Direction::Backward, Rule::ReaderFieldMissingDefaultValue);
    let first_backward = (0, Direction::Backward, Rule::TypeMismatch);
    let first_forward = (0, Direction::Forward, Rule::TypeMismatch);
    assert_eq!(found("NONE"), []);
    assert_eq!(found("BACKWARD"), [backward]);
    assert_eq!(found("FORWARD"), []);
    assert_eq!(found("full"), [backward]);
    assert_eq!(found("backward-transitive"), [first_backward, backward]);
    assert_eq!(found("FORWARD_TRANSITIVE"), [first_forward]);
    assert_eq!(
        found("FULL_TRANSITIVE"),
        [first_backward, first_forward, backward]
    );
    assert_eq!(check(Mode::FullTransitive, &[], &newest), []);
    assert!("sideways".parse::<Mode>().is_err());
}

/// The advice is for the newer file, which is the writer's when the older version reads.
#[test]
fn the_advice_depends_on_who_reads() {
    let old = schema(&record(r#"{"name": "a", "type": "int"}"#));
    let new = schema(&record(""));
    let found = check(Mode::Full, &[&old], &new);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].direction, Direction::Forward);
    assert!(found[0].incompatibility.mend.starts_with("keep the field"));
}

/// A chain of names is no chain of calls.
#[test]
fn a_long_chain_of_types_is_compared() {
    let chain = |end: &str| {
        let mut links = vec![link(0, end)];
        links.extend((1..2000).map(|index| link(index, &format!("\"R{}\"", index - 1))));
        record(&links.join(","))
    };
    assert_eq!(found(&chain("\"long\""), &chain("\"int\"")), []);
    assert_eq!(
        rules(&chain("\"int\""), &chain("\"long\"")),
        [Rule::TypeMismatch]
    );
}

/// A field whose type holds `next`.
fn link(index: usize, next: &str) -> String {
    format!(
        r#"{{"name": "f{index}", "type": {{"type": "record", "name": "R{index}", "fields": [
            {{"name": "next", "type": {next}}}]}}}}"#
    )
}

//! What a registry has of an event is held against the event's versions.

use std::collections::BTreeSet;

use factum_registry::{
    Acceptance, Compatibility, Difference, Reference, Registry, SchemaText, TreeVersion, compare,
};
use serde_json::json;

use crate::memory::Memory;

const SUBJECT: &str = "t.Paid";

fn paid(fields: serde_json::Value) -> String {
    json!({"type": "record", "name": "Paid", "namespace": "t", "fields": fields}).to_string()
}

fn cents(ty: &str) -> String {
    paid(json!([{"name": "cents", "type": ty}]))
}

/// A registry that has these as the subject's versions, with the ids 1, 2, ….
fn with(texts: &[&str]) -> Memory {
    let registry = Memory::from(1);
    for text in texts {
        let text = factum_schema::undocumented(text).unwrap();
        registry
            .register(SUBJECT, &SchemaText::whole(text))
            .unwrap();
    }
    registry
}

fn differences(registry: &Memory, texts: &[&str]) -> Vec<Difference> {
    without(registry, texts, &[])
}

fn without(registry: &Memory, texts: &[&str], foreign: &[u32]) -> Vec<Difference> {
    let versions: Vec<_> = (1..)
        .zip(texts)
        .map(|(version, json)| TreeVersion { version, json })
        .collect();
    let foreign: BTreeSet<_> = foreign.iter().copied().collect();
    compare(registry, SUBJECT, &versions, &foreign).unwrap()
}

/// The differences in few words.
fn told(differences: &[Difference]) -> Vec<String> {
    let word = |it: &Difference| match it {
        Difference::Missing { version } => format!("missing {version}"),
        Difference::Other { version, id, why } => format!("other {version}, id {id}: {why}"),
        Difference::Extra { registered, id } => format!("extra {registered}, id {id}"),
        Difference::Unreadable {
            registered,
            id,
            why,
        } => format!("unreadable {registered}, id {id}: {why}"),
        Difference::Breach(breach) => format!(
            "breach {} of {} {:?}: {}",
            breach.version,
            breach.older,
            breach.id,
            breach.violation.incompatibility.rule.as_str()
        ),
        Difference::Refused { version, words, .. } => format!("refused {version}: {words:?}"),
    };
    differences.iter().map(word).collect()
}

#[test]
fn what_was_deployed_is_as_it_should_be() {
    let (first, second) = (cents("int"), cents("long"));
    let all = [&*first, &second];
    assert_eq!(differences(&with(&all), &all), []);
    // Docs are not what a version is, here or there.
    let documented = second.replacen('{', r#"{"doc": "Money came.","#, 1);
    assert_eq!(differences(&with(&all), &[&first, &documented]), []);
}

#[test]
fn what_is_not_there_yet_is_missing() {
    let (first, second) = (cents("int"), cents("long"));
    let all = [&*first, &second];
    assert_eq!(
        told(&differences(&with(&[]), &all)),
        ["missing 1", "missing 2"]
    );
    assert_eq!(told(&differences(&with(&[&first]), &all)), ["missing 2"]);
}

#[test]
fn another_schema_in_a_versions_place_is_told_with_why() {
    let millis =
        paid(json!([{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]));
    let micros = millis.replace("millis", "micros");
    let zero = paid(json!([{"name": "at", "type": "long", "default": 0}]));
    let one = zero.replace('0', "1");
    let plain = paid(json!([{"name": "at", "type": "long"}]));
    let other_field = paid(json!([{"name": "at", "type": "long", "aliases": ["when"]}]));
    let other_name = plain.replacen('{', r#"{"aliases": ["Payed"],"#, 1);
    let unit = json!({"type": "enum", "name": "Unit", "symbols": ["EUR"], "default": "EUR"});
    let unit = paid(json!([{"name": "unit", "type": unit}]));
    let other_unit = unit.replace(r#""default":"EUR","#, "");
    assert_ne!(unit, other_unit);
    for (theirs, ours, why) in [
        (&cents("int"), &cents("long"), "its fingerprint is "),
        (&millis, &micros, "its values would say something else"),
        (
            &zero,
            &one,
            "the field `at` of `t.Paid` has another default",
        ),
        (
            &zero,
            &plain,
            "the field `at` of `t.Paid` has another default",
        ),
        (
            &plain,
            &other_field,
            "the field `at` of `t.Paid` has other aliases",
        ),
        (&plain, &other_name, "`t.Paid` has other aliases"),
        (&unit, &other_unit, "the enum `t.Unit` has another default"),
    ] {
        let told = told(&differences(&with(&[theirs]), &[ours]));
        assert!(
            told.len() == 1 && told[0].starts_with(&format!("other 1, id 1: {why}")),
            "{told:?}"
        );
    }
}

#[test]
fn an_id_under_which_consumers_would_read_another_schema_is_told() {
    let (ours, theirs) = (cents("long"), SchemaText::whole(cents("int")));
    let registry = with(&[&ours]);
    let lying = registry.lying(theirs.clone());
    for registry in [
        lying.misleading(SchemaText::whole(&*ours)),
        registry.misleading(theirs),
    ] {
        let told = told(&differences(&registry, &[&ours]));
        assert!(
            told[0].starts_with("other 1, id 1: its fingerprint"),
            "{told:?}"
        );
    }
}

#[test]
fn what_only_the_registry_has_is_extra_unless_it_is_another_writers() {
    let (first, second) = (cents("int"), cents("long"));
    let registry = with(&[&first, &second]);
    assert_eq!(told(&differences(&registry, &[&first])), ["extra 2, id 2"]);
    assert_eq!(without(&registry, &[&first], &[2]), []);
    assert_eq!(
        told(&differences(&registry, &[])),
        ["extra 1, id 1", "extra 2, id 2"]
    );
    // Another writer's versions shift the numbers of this tree's.
    let other = cents("string");
    let registry = with(&[&first, &other, &second]);
    assert_eq!(without(&registry, &[&first, &second], &[2]), []);
    // A file that is no schema is the tree's to mend: what it was nobody can say.
    assert_eq!(differences(&with(&[&first, &second]), &[&first, "{"]), []);
}

#[test]
fn what_cannot_be_read_is_told_unless_it_is_another_writers() {
    let (first, second) = (cents("int"), cents("long"));
    let registry = with(&[&first, &second]).protobuf(2);
    registry.register(SUBJECT, &SchemaText::whole("{")).unwrap();
    let told_of = |texts: &[&str], foreign| told(&without(&registry, texts, foreign));
    let told = told_of(&[&first], &[]);
    assert_eq!(told.len(), 2, "{told:?}");
    let kind = "unreadable 2, id 2: its type is PROTOBUF: Factum reads Avro";
    assert_eq!(told[0], kind);
    assert!(told[1].starts_with("unreadable 3, id 3: "), "{told:?}");
    assert_eq!(told_of(&[&first], &[2, 3]), Vec::<String>::new());
    // It is no other schema in a version's place, and says nothing of what is held to it.
    let third = cents("string");
    let backward = registry.holding(Compatibility::Backward, Acceptance::Untold);
    let told = self::told(&without(&backward, &[&first, &second, &third], &[2, 3]));
    assert_eq!(told, ["missing 3"]);
}

#[test]
fn another_writers_versions_count_for_the_subjects_level() {
    let (ours, theirs) = (cents("string"), cents("long"));
    let registry = with(&[&theirs]).holding(Compatibility::Backward, Acceptance::Untold);
    let breach = "breach 1 of 1 Some(1): type-mismatch";
    let told = told(&without(&registry, &[&ours], &[1]));
    assert_eq!(told, ["missing 1", breach]);
    // The registry is asked, too, where only another writer's are there.
    let no = Acceptance::Refused(vec!["not today".into()]);
    let registry = registry.holding(Compatibility::None, no);
    for registry in [registry.clone(), registry.protobuf(1)] {
        let told = self::told(&without(&registry, &[&ours], &[1]));
        assert_eq!(told, ["missing 1", "refused 1: [\"not today\"]"]);
    }
}

#[test]
fn the_same_version_with_docs_is_no_other_one() {
    let first = cents("long");
    let documented = first.replacen('{', r#"{"doc": "Money came.","#, 1);
    let registry = Memory::from(1);
    registry
        .register(SUBJECT, &SchemaText::whole(documented))
        .unwrap();
    assert_eq!(told(&differences(&registry, &[&first])), ["missing 1"]);
}

#[test]
fn the_same_version_in_another_spelling_is_no_other_one() {
    let money = |size: serde_json::Value| json!({"type": "record", "name": "Money", "aliases": ["Sum"], "fields": [size]});
    let ours = paid(json!([
        {"name": "sum", "type": money(json!({"name": "cents", "type": "long"}))},
        {"name": "rate", "type": "double", "default": 0},
        {"name": "note", "type": "string", "aliases": ["a", "b"]}]));
    let mut documented = money(json!({"name": "cents", "type": {"type": "long"}, "doc": "Of it."}));
    documented["namespace"] = "t".into();
    documented["aliases"] = json!(["t.Sum"]);
    let theirs = json!({"type": "record", "name": "t.Paid", "doc": "Money came.", "fields": [
        {"name": "sum", "type": documented},
        {"name": "rate", "type": "double", "default": 0.0},
        {"name": "note", "type": {"type": "string", "avro.java.string": "String"}, "aliases": ["b", "a"]}]});
    let registry = Memory::from(1);
    let text = SchemaText::whole(theirs.to_string());
    registry.register(SUBJECT, &text).unwrap();
    assert_eq!(told(&differences(&registry, &[&ours])), ["missing 1"]);
}

#[test]
fn a_schema_that_refers_to_others_is_held_as_a_whole() {
    let money = json!({"type": "record", "name": "Money", "namespace": "t", "fields": []});
    let registry = Memory::from(1);
    registry
        .register("t.Money", &SchemaText::whole(money.to_string()))
        .unwrap();
    let reference = Reference {
        name: "t.Money".into(),
        subject: "t.Money".into(),
        version: 1,
    };
    let text = SchemaText {
        schema: paid(json!([{"name": "sum", "type": "t.Money"}])),
        references: vec![reference],
    };
    registry.register(SUBJECT, &text).unwrap();
    let whole = paid(json!([{"name": "sum", "type": money}]));
    assert_eq!(told(&differences(&registry, &[&whole])), ["missing 1"]);
}

#[test]
fn what_is_missing_is_held_to_the_subjects_level() {
    let versions = [cents("int"), cents("long"), cents("string")];
    let all: Vec<&str> = versions.iter().map(String::as_str).collect();
    let told_under = |level| {
        let registry = with(&all[..1]).holding(level, Acceptance::Untold);
        told(&differences(&registry, &all))[2..].to_vec()
    };
    assert_eq!(told_under(Compatibility::None), Vec::<String>::new());
    let third = "breach 3 of 2 None: type-mismatch";
    assert_eq!(told_under(Compatibility::Backward), [third]);
    let first = "breach 3 of 1 Some(1): type-mismatch";
    assert_eq!(
        told_under(Compatibility::BackwardTransitive),
        [first, third]
    );
    let second = "breach 2 of 1 Some(1): type-mismatch";
    assert_eq!(told_under(Compatibility::Forward), [second, third]);
    // What is there already was taken, and is not held to anything.
    let registry = with(&all).holding(Compatibility::FullTransitive, Acceptance::Untold);
    assert_eq!(differences(&registry, &all), []);
}

#[test]
fn a_registry_may_refuse_what_avros_rules_let_pass() {
    let versions = [cents("int"), cents("long"), cents("float")];
    let all: Vec<&str> = versions.iter().map(String::as_str).collect();
    let no = Acceptance::Refused(vec!["not today".into()]);
    let told_under = |level, word| {
        let registry = with(&all[..1]).holding(level, word);
        told(&differences(&registry, &all))[2..].to_vec()
    };
    // The third would be held against the second, which is not there: what it says of that today means nothing.
    let second = "refused 2: [\"not today\"]";
    assert_eq!(told_under(Compatibility::Backward, no.clone()), [second]);
    let third = "refused 3: [\"not today\"]";
    assert_eq!(
        told_under(Compatibility::BackwardTransitive, no),
        [second, third]
    );
    let taken = told_under(Compatibility::Backward, Acceptance::Taken);
    assert_eq!(taken, Vec::<String>::new());
    // What a logical type means, Avro's rules do not ask, and so no registry does.
    let millis =
        paid(json!([{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]));
    let micros = millis.replace("millis", "micros");
    let registry = with(&[&millis]).holding(Compatibility::Full, Acceptance::Taken);
    assert_eq!(
        told(&differences(&registry, &[&millis, &micros])),
        ["missing 2"]
    );
}

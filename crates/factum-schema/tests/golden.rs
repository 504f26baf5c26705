//! The canonical form and the fingerprint, held against what Java's Avro says (`golden/Make.java`).

use factum_schema::Schema;
use serde_json::Value;

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("golden/vectors.json")).unwrap()
}

#[test]
fn canonical_forms_and_fingerprints_are_javas() {
    let vectors = vectors();
    assert!(vectors.len() > 30);
    for vector in vectors {
        let schema = Schema::parse(&vector["schema"].to_string()).unwrap();
        let fingerprint = format!("{:016x}", schema.fingerprint());
        assert_eq!(
            schema.canonical_form(),
            vector["canonical"].as_str().unwrap()
        );
        assert_eq!(fingerprint, vector["fingerprint"].as_str().unwrap());
    }
}

/// Except where the form has no way to say that an inner type is in no namespace.
#[test]
fn a_canonical_form_is_its_own() {
    for vector in vectors() {
        let canonical = vector["canonical"].as_str().unwrap();
        if canonical.contains("\"NoSpace\"") {
            continue;
        }
        assert_eq!(
            Schema::parse(canonical).unwrap().canonical_form(),
            canonical
        );
    }
}

//! Any text, as a schema.

use factum_schema::{Named, Schema};

use crate::memory::within;

/// A schema or findings, in memory that the text's length bounds. What is a schema has a canonical
/// form that is one too, with the same fingerprint.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // JSON's values and the findings with their pointers take many times their text.
    let most = (1 << 20) + text.len() * 1_000;
    let Ok(schema) = within(most, || Schema::parse(text)) else {
        return;
    };
    // The canonical form can't say of a type within another namespace that it has none.
    let without = |named: &Named| named.name.namespace().is_empty();
    if schema.definitions().any(without) && !schema.definitions().all(without) {
        return;
    }
    let canonical = schema.canonical_form();
    let again = Schema::parse(&canonical).expect("a canonical form is a schema");
    assert_eq!(again.canonical_form(), canonical);
    assert_eq!(again.fingerprint(), schema.fingerprint());
}

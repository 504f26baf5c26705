//! `Schema::parse` on any text: a schema or findings, in memory that its length bounds. What is a
//! schema has a canonical form that is one too, with the same fingerprint.
#![no_main]

use factum_fuzz::{Counting, within};
use factum_schema::Schema;
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|text: &str| {
    // JSON's values and the findings with their pointers take many times their text.
    let Ok(schema) = within(1 << 20 | text.len() * 1_000, || Schema::parse(text)) else {
        return;
    };
    // The canonical form can't say of a type within another namespace that it has none.
    let without = |named: &factum_schema::Named| named.name.namespace().is_empty();
    if schema.definitions().any(without) && !schema.definitions().all(without) {
        return;
    }
    let canonical = schema.canonical_form();
    let again = Schema::parse(&canonical).expect("a canonical form is a schema");
    assert_eq!(again.canonical_form(), canonical);
    assert_eq!(again.fingerprint(), schema.fingerprint());
});

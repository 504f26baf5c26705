//! The fuzz targets' functions, over their corpora: what fuzzing found stays found.

use std::fs;
use std::path::Path;

use factum_schema::{Reader, Schema, write};

#[path = "../../../fuzz/src/memory.rs"]
mod memory;
#[allow(dead_code)] // What only `fuzz/examples` calls.
#[path = "../../../fuzz/src/schema/mod.rs"]
mod schema;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// One test, since what is in use is counted for the whole process.
#[test]
fn the_corpora_are_survived() {
    run("parser", schema::parser::run);
    run("resolution", schema::resolution::run);
    run("value", schema::value::run);
    run("framing", schema::framing::run);
    run("compatibility", schema::compatibility::run);
    run("differential", schema::differential::run);
    a_megabyte_is_told_in_its_share_of_memory();
}

fn run(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in
        fs::read_dir(&corpus).unwrap_or_else(|error| panic!("{}: {error}", corpus.display()))
    {
        body(&fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 5, "{target} has only {inputs} inputs");
}

/// What takes the most memory for each byte, as `Schema::value` promises.
fn a_megabyte_is_told_in_its_share_of_memory() {
    let nulls = |count| -> String {
        let field = |index| format!(r#","f{index}""#);
        let fields = (0..count).map(field);
        let field = |name: String| format!(r#",{{"name":{},"type":"null"}}"#, &name[1..]);
        fields.map(field).collect()
    };
    // A byte, and as many nulls as may be, or more.
    for count in [1, 2, 15, 40] {
        let record = format!(
            r#"{{"type":"record","name":"R","fields":[{{"name":"b","type":"boolean"}}{}]}}"#,
            nulls(count)
        );
        told(&format!(r#"{{"type":"array","items":{record}}}"#), |out| {
            write::array(out, &[false; 1 << 20], |out, item| {
                write::boolean(out, *item)
            });
        });
    }
    // Entries whose key is all that they take, in one block and in many.
    let entries = |out: &mut Vec<u8>, count: usize| {
        write::long(out, count as i64);
        out.extend(vec![0; count]);
    };
    let map = r#"{"type":"map","values":"null"}"#;
    told(map, |out| {
        entries(out, 1 << 20);
        out.push(0);
    });
    told(map, |out| {
        (0..1 << 12).for_each(|_| entries(out, 1 << 8));
        out.push(0);
    });
    // A union's branches, behind their names.
    let empty = |name| format!(r#"{{"type":"record","name":"{name}","fields":[]}}"#);
    let union = format!(
        r#"{{"type":"array","items":[{},{}]}}"#,
        empty("A"),
        empty("B")
    );
    told(&union, |out| {
        write::array(out, &[1; 1 << 20], |out, item| write::index(out, *item));
    });
    let times = r#"{"type":"array","items":{"type":"long","logicalType":"timestamp-millis"}}"#;
    told(times, |out| {
        write::array(out, &[1; 1 << 20], |out, item| write::long(out, *item));
    });
}

fn told(schema: &str, value: impl FnOnce(&mut Vec<u8>)) {
    let schema = Schema::parse(schema).unwrap();
    let mut bytes = Vec::new();
    value(&mut bytes);
    let most = 200 * bytes.len() + (2 << 20);
    memory::within(most, || drop(schema.value(&mut Reader::new(&bytes))));
}

//! The fuzz target of generated code, over its corpus: what fuzzing found stays found.

use std::fs;
use std::path::Path;

#[allow(dead_code)] // What only `resolved_alike.rs` calls.
#[path = "../../../fuzz/src/codec.rs"]
mod codec;
#[path = "../../../fuzz/src/memory.rs"]
mod memory;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

/// One test, since what is in use is counted for the whole process.
#[test]
fn the_corpus_is_survived() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/codec");
    let mut inputs = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        codec::run(&fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 20, "there are only {inputs} inputs");
}

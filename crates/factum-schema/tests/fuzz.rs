//! The fuzz targets' functions, over their corpora: what fuzzing found stays found.

use std::fs;
use std::path::Path;

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

#[global_allocator]
static ALLOCATOR: targets::Counting = targets::Counting;

/// One test, since what is in use is counted for the whole process.
#[test]
fn the_corpora_are_survived() {
    run("resolution", targets::resolution::run);
    run("value", targets::value::run);
    run("framing", targets::framing::run);
    run("compatibility", targets::compatibility::run);
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

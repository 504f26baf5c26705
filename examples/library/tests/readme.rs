//! The README shows this example; what it shows is what compiles.

use std::fs;
use std::path::Path;

#[test]
fn the_readme_shows_the_code_of_this_example() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("../../README.md")).unwrap();
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let code = fs::read_to_string(here.join("src/lib.rs")).unwrap();
    let code: String = code.split_inclusive('\n').skip_while(|line| line.starts_with("#!")).collect();
    assert_eq!(shown, code);
    assert!(code.trim().lines().count() < 60);
}

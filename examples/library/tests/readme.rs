//! README and guide show this example; what they show is what compiles.

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

#[test]
fn the_guide_shows_code_of_this_example() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(here.join(path)).unwrap();
    let guide = read("../../docs/guide.md");
    let files = [
        "src/bin/desk.rs",
        "src/bin/give_back.rs",
        "src/bin/shelf.rs",
        "tests/book.rs",
        "build.rs",
        "sql/shelf.sql",
        "Cargo.toml",
    ];
    let code: Vec<String> = files.map(read).into();
    let fences = guide.split("```").skip(1).step_by(2);
    let shown = fences.filter_map(|fence| fence.split_once('\n')).filter(|(language, _)| *language != "sh");
    let mut count = 0;
    for (_, shown) in shown {
        assert!(code.iter().any(|code| code.contains(shown)), "not in the example:\n{shown}");
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

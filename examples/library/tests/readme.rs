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
    let shown = fences(&guide).filter(|(language, _)| *language != "sh");
    let mut count = 0;
    for (_, shown) in shown {
        assert!(code.iter().any(|code| code.contains(shown)), "not in the example:\n{shown}");
        count += 1;
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn how_to_read_ones_own_writes_is_shown_by_code_of_this_example() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../../docs/read-your-writes.md")).unwrap();
    let code = fs::read_to_string(here.join("src/bin/lend.rs")).unwrap();
    let shown: Vec<_> = fences(&page).filter(|(language, _)| *language == "rust").collect();
    assert_eq!(shown.len(), 1);
    assert!(code.contains(shown[0].1), "not in the example:\n{}", shown[0].1);
}

#[test]
fn the_kinds_of_projections_are_shown_by_code_of_this_example() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(here.join("../../docs/projections.md")).unwrap();
    let files = ["tests/projections.rs", "sql/journal.sql", "sql/readers.sql"];
    let code = files.map(|path| fs::read_to_string(here.join(path)).unwrap());
    let shown: Vec<_> = fences(&page).collect();
    assert_eq!(shown.len(), 6);
    for (_, shown) in shown {
        assert!(code.iter().any(|code| code.contains(shown)), "not in the example:\n{shown}");
    }
}

#[test]
fn how_schemas_change_is_shown_by_files_of_an_example() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../loans-evolved");
    let page = fs::read_to_string(here.join("../../docs/schemas.md")).unwrap();
    let files = [
        "src/upcasters.rs",
        "schemas/schemas.toml",
        "schemas/bank/loan/Submitted/3.avsc",
        "../../crates/factum-build/examples/borrowed.rs",
        "../../crates/factum-build/examples/types.rs",
        "../../crates/factum-build-tests/schemas/test/deals/Agreed/2.avsc",
        "../../crates/factum-build-tests/tests/borrowed.rs",
    ];
    let files = files.map(|path| fs::read_to_string(here.join(path)).unwrap());
    let shown = fences(&page).filter(|(language, _)| ["json", "rust", "toml"].contains(language));
    // How modes are set is in no example: it is tested where schemas are checked.
    let shown: Vec<_> = shown.filter(|(_, shown)| !shown.starts_with("compatibility = ")).collect();
    assert_eq!(shown.len(), 8);
    for (_, shown) in shown {
        assert!(files.iter().any(|file| file.contains(shown)), "not in the example:\n{shown}");
    }
}

/// The fenced parts of a page, with their languages.
fn fences(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("```").skip(1).step_by(2).filter_map(|fence| fence.split_once('\n'))
}

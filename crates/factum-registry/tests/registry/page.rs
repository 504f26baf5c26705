//! The code of docs/wire.md is that of the crate's first page, which is compiled.

#[test]
fn the_pages_code_compiles() {
    let page = include_str!("../../../../docs/wire.md");
    let library = include_str!("../../src/lib.rs");
    let mut compiled = library.lines().filter_map(|line| line.strip_prefix("//! "));
    let snippets: Vec<_> = page.split("```rust\n").skip(1).collect();
    assert_eq!(snippets.len(), 3);
    for line in snippets
        .iter()
        .flat_map(|it| it.split("```").next().unwrap().lines())
    {
        assert!(line.is_empty() || compiled.any(|it| it == line), "{line}");
    }
}

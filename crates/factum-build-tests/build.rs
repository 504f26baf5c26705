//! Generates what `src/lib.rs` includes.

fn main() -> factum_build::Result {
    factum_build::Builder::new()
        .facade("crate::factum")
        .borrowed(true)
        .compile("schemas")
}

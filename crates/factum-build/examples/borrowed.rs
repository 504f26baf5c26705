//! A `build.rs` that asks for events that borrow, too.

fn main() -> factum_build::Result {
    factum_build::Builder::new()
        .borrowed(true)
        .compile("schemas")
}

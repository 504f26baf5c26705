//! Generates the events from the schemas.

fn main() -> factum_build::Result {
    factum_build::compile("schemas")
}

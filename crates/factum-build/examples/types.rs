//! A `build.rs` that chooses the types of times and decimals.

fn main() -> factum_build::Result {
    factum_build::Builder::new()
        .times(factum_build::Times::Chrono)
        .decimals(factum_build::Decimals::RustDecimal)
        .serde(true)
        .compile("schemas")
}

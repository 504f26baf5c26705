//! Generates what `src/lib.rs` includes.

use std::path::PathBuf;

use factum_build::{Builder, Decimals, Times};

fn main() -> factum_build::Result {
    let builder = Builder::new().facade("crate::factum").borrowed(true);
    builder.compile("schemas")?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    for (folder, times, decimals) in [
        ("jiff", Times::Jiff, Decimals::Factum),
        ("chrono", Times::Chrono, Decimals::Factum),
        ("time", Times::Time, Decimals::Factum),
        ("rust_decimal", Times::Jiff, Decimals::RustDecimal),
    ] {
        let builder = builder.clone().serde(true).times(times).decimals(decimals);
        builder.out_dir(out.join(folder)).compile("typed-schemas")?;
    }
    Ok(())
}

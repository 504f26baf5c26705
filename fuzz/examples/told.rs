//! What the target `differential` makes of the files in folders, and what we read of it: a line of JSON for
//! each, which `fastavro_told.py` holds against fastavro.
//!
//!     cargo run --release --example told corpus/differential > told.jsonl

use std::error::Error;
use std::io::{BufWriter, Write, stdout};

use factum_fuzz::schema::differential::told;

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = BufWriter::new(stdout().lock());
    for folder in std::env::args().skip(1) {
        for file in std::fs::read_dir(folder)? {
            let mut bytes = std::fs::read(file?.path())?;
            // Each is taken in each way: as the value, as its decisions, and with a byte changed.
            for how in 0..4 {
                if let Some(first) = bytes.first_mut() {
                    *first = how;
                }
                if let Some(line) = told(&bytes) {
                    writeln!(out, "{line}")?;
                }
            }
        }
    }
    Ok(())
}

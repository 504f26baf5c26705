//! `factum schema fingerprint`.

use clap::Args;

use super::file::File;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
It is the CRC-64-AVRO of the canonical form, in hexadecimal, as schemas.lock and error messages show it. A value in
Avro's single-object encoding names its schema by it: C3 01, then these eight bytes, the last one first.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    file: File,
}

impl Flags {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let fingerprint = self.file.schema()?.fingerprint();
        Ok(output::print(&format!("{fingerprint:016x}\n"))?)
    }
}

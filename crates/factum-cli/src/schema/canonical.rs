//! `factum schema canonical`.

use clap::Args;

use super::file::File;
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
Two schemas of the same form write the same bytes, under the same names: it has full names, types and the order of
fields; no docs, defaults, aliases or logical types. It is what fingerprints are made of, the same as in Java.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    #[command(flatten)]
    file: File,
}

impl Flags {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let form = self.file.schema()?.canonical_form();
        Ok(output::print(&(form + "\n"))?)
    }
}

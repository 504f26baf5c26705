//! `factum schema generate`.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::code::CodeFlags;
use super::{SchemaError, file};
use crate::failure::Failure;
use crate::output;

const AFTER_HELP: &str = "\
It is the code that factum_build::compile makes in a build.rs, for those who check it in: a file for each aggregate,
bank.loan.rs, to be included where its events are used. Nothing is written unless every schema is in order, and as in a
build, schemas.lock gets what is new. Files that stay the same are not touched; those that were generated for an
aggregate that is gone are removed, and all others left alone. What is new, changed or removed is printed, a line each.

Examples:
  factum schema generate schemas src/events
  factum schema generate --serde schemas src/events
  factum schema generate --times chrono --decimals rust_decimal schemas src/events";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Flags {
    /// The folder of the schemas
    dir: PathBuf,

    /// The folder of the generated files; made if it is not there
    out: PathBuf,

    /// Let all types derive serde's Serialize and Deserialize
    #[arg(long)]
    serde: bool,

    #[command(flatten)]
    code: CodeFlags,
}

impl Flags {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let folder = file::folder(&self.dir)?;
        fs::create_dir_all(&self.out).map_err(|source| SchemaError::Unwritable {
            path: self.out.clone(),
            source,
        })?;
        let builder = self.code.builder().serde(self.serde);
        let generated = builder.generate_into(folder, &self.out);
        let generated = generated.map_err(SchemaError::from)?;
        for warning in &generated.warnings {
            eprintln!("factum: warning: {warning}");
        }
        let lines = [("wrote", generated.changed), ("removed", generated.removed)];
        for (what, paths) in lines {
            for path in paths {
                output::print(&format!("{what} {}\n", path.display()))?;
            }
        }
        Ok(())
    }
}

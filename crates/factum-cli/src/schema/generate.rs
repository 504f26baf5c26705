//! `factum schema generate`.

use std::fs;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use factum_build::Builder;

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

    /// Let events be read without copying their text and bytes, too: an enum LoanEventRef beside LoanEvent
    #[arg(long)]
    borrowed: bool,

    /// The crate whose types dates and times become; for another than jiff the program needs factum's feature of
    /// that name
    #[arg(long, value_enum, value_name = "CRATE", default_value_t = Times::Jiff)]
    times: Times,

    /// The crate whose type decimals become; rust_decimal holds 28 digits, and needs factum's feature of that name
    #[arg(long, value_enum, value_name = "CRATE", default_value_t = Decimals::Factum)]
    decimals: Decimals,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Times {
    Jiff,
    Chrono,
    Time,
}

impl From<Times> for factum_build::Times {
    fn from(times: Times) -> Self {
        match times {
            Times::Jiff => Self::Jiff,
            Times::Chrono => Self::Chrono,
            Times::Time => Self::Time,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Decimals {
    Factum,
    #[value(name = "rust_decimal")]
    RustDecimal,
}

impl From<Decimals> for factum_build::Decimals {
    fn from(decimals: Decimals) -> Self {
        match decimals {
            Decimals::Factum => Self::Factum,
            Decimals::RustDecimal => Self::RustDecimal,
        }
    }
}

impl Flags {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let folder = file::folder(&self.dir)?;
        fs::create_dir_all(&self.out).map_err(|source| SchemaError::Unwritable {
            path: self.out.clone(),
            source,
        })?;
        let builder = Builder::new()
            .serde(self.serde)
            .borrowed(self.borrowed)
            .times(self.times.into())
            .decimals(self.decimals.into());
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

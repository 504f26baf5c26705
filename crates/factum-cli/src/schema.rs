//! `factum schema`: a tree of schemas, and single ones.

mod canonical;
mod check;
mod code;
mod compat;
mod error;
mod file;
mod fingerprint;
mod generate;
mod git;
mod line;
mod registry;
mod show;

use clap::Subcommand;

use crate::failure::Failure;

pub(crate) use error::SchemaError;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What a build would refuse in a tree of schemas, and what was changed that is released
    Check(check::Flags),
    /// The versions of a tree's events, and of the types that these share
    Show(show::Flags),
    /// Whether one schema's values can be read as another's
    Compat(compat::Flags),
    /// A schema's parsing canonical form
    Canonical(canonical::Flags),
    /// The number by which a value names its schema
    Fingerprint(fingerprint::Flags),
    /// The Rust of a tree's events, into a folder
    Generate(generate::Flags),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(flags) => flags.run(),
            Self::Show(flags) => flags.run(),
            Self::Compat(flags) => flags.run(),
            Self::Canonical(flags) => flags.run(),
            Self::Fingerprint(flags) => flags.run(),
            Self::Generate(flags) => flags.run(),
        }
    }
}

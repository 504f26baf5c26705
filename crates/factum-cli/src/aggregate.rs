//! `factum aggregate`.

mod scan;
mod schemas;
mod service;
mod show;

use clap::Subcommand;

use crate::failure::Failure;

pub(crate) use scan::ScanError;
pub(crate) use schemas::{Decoded, Known, Schemas, SchemasError};
pub(crate) use service::Unanswered;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The events of one aggregate
    Show(show::Flags),
}

impl Command {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Show(flags) => flags.run().await,
        }
    }
}

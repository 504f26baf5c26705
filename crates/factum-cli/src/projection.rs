//! `factum projection`.

mod list;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All projections and their versions
    List(list::Flags),
}

impl Command {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(flags) => flags.run().await,
        }
    }
}

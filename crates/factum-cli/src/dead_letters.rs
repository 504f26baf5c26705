//! `factum dead-letters`.

mod choice;
mod discard;
mod list;
mod replay;
mod show;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What is parked, by key or letter by letter
    List(list::Flags),
    /// One letter: where it stands, why it failed, and the event's value
    Show(show::Flags),
    /// Ask the workers to apply letters, once what failed is mended
    Replay(replay::Flags),
    /// Give letters up: their events are never applied
    Discard(discard::Flags),
}

impl Command {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(flags) => flags.run().await,
            Self::Show(flags) => flags.run().await,
            Self::Replay(flags) => flags.run().await,
            Self::Discard(flags) => flags.run().await,
        }
    }
}

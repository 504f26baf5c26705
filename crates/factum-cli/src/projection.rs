//! `factum projection`.

mod choice;
mod goal;
mod list;
mod pause;
mod rebuild;
mod remove;
mod seek;
mod status;
mod switch;
mod version;
mod wait;
mod watch;

use clap::Subcommand;

use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// All projections and their versions
    List(list::Flags),
    /// How far each partition is, and who projects it
    Status(status::Flags),
    /// Let a version commit nothing until it is resumed
    Pause(pause::Flags),
    /// Let a paused version go on
    Resume(pause::Flags),
    /// Have a partition's events passed over that a read model is to do without
    Seek(seek::Flags),
    /// Wait until a read model shows all that the log holds, or what a command did
    Wait(wait::Flags),
    /// Lead readers to a new version that is built beside the live one
    Rebuild(rebuild::Flags),
    /// Lead readers to another version, or back
    Switch(switch::Flags),
    /// Take a version away, with its tables
    Drop(remove::Flags),
}

impl Command {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::List(flags) => flags.run().await,
            Self::Status(flags) => flags.run().await,
            Self::Pause(flags) => flags.run(true).await,
            Self::Resume(flags) => flags.run(false).await,
            Self::Seek(flags) => flags.run().await,
            Self::Wait(flags) => flags.run().await,
            Self::Rebuild(flags) => flags.run().await,
            Self::Switch(flags) => flags.run().await,
            Self::Drop(flags) => flags.run().await,
        }
    }
}

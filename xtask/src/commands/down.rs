//! `cargo xtask down`.

use anyhow::Result;
use xtask::servers;

use super::say;

/// Stops the servers that `cargo xtask up` started, and any that a dead test left behind.
///
/// Each is asked to stop and, if it does not, made to. Servers at addresses of your own are left
/// alone. The data stays in target/factum for the next `up`.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask down                      stop, keep the data
  cargo xtask down --wipe               stop, forget the data")]
pub(crate) struct Arguments {
    /// Remove the servers' data too
    #[arg(long)]
    wipe: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    servers::down(arguments.wipe, &say)
}

//! `cargo xtask down`.

use anyhow::Result;
use xtask::servers;

use super::{demo, say};

/// Stops the servers that `cargo xtask up` started, and any that a dead test left behind.
///
/// Each is asked to stop and, if it does not, made to. Their data stays for the next `up`. Servers at
/// addresses of your own are left alone, and so is what the demo has noted of them.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  cargo xtask down                      stop, keep the data
  cargo xtask down --wipe               stop, forget the data")]
pub(crate) struct Arguments {
    /// Remove the servers' data too, and the demo's embedded logs
    #[arg(long)]
    wipe: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    servers::down(arguments.wipe, &say)?;
    if arguments.wipe {
        // Without the servers' data the demo's notes are not true any more.
        demo::wipe()?;
    }
    Ok(())
}

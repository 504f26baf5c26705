//! `factum`: what operators see of a running system, and do to it.
//!
//! A subcommand is a file: its flags, what it asks for, and how it prints the answer.

mod aggregate;
mod avsc;
mod connection;
mod dead_letters;
mod events;
mod failure;
mod interrupt;
mod output;
mod projection;
mod schema;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tokio::runtime::Builder;

use crate::failure::Failure;

const AFTER_HELP: &str = "\
Addresses are those that workers and services take: FACTUM_POSTGRES and FACTUM_LOG serve all of them.
With --json, a list prints one JSON object a line, and everything else one object.
Results go to standard output, everything else to standard error.

Exit codes:
  0    done
  1    failed or refused: standard error says why, and what to do
  2    wrong usage
  3    not in time: what was waited for has not come
  130  interrupted by SIGINT (Ctrl-C), and 143 by SIGTERM: what was printed is not complete";

/// Sees and operates the projections and aggregates of a running Factum system, and checks its schemas.
#[derive(Debug, Parser)]
#[command(name = "factum", version, after_help = AFTER_HELP, arg_required_else_help = true)]
struct Flags {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Aggregates: their events
    #[command(subcommand)]
    Aggregate(aggregate::Command),
    /// Events that projections could not apply, and those behind them
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// The events of a topic, decoded
    #[command(subcommand)]
    Events(events::Command),
    /// Read models: how far they are, their versions, and what is done to them
    #[command(subcommand, visible_alias = "projections")]
    Projection(projection::Command),
    /// Schemas: what may be released, and what is
    #[command(subcommand)]
    Schema(schema::Command),
}

impl Command {
    async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Aggregate(command) => command.run().await,
            Self::DeadLetters(command) => command.run().await,
            Self::Events(command) => command.run().await,
            Self::Projection(command) => command.run().await,
            Self::Schema(command) => command.run(),
        }
    }
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    failure::start_logging();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("the operating system gives a program its event loop");
    let outcome = runtime.block_on(flags.command.run());
    // A thread may still wait for a server that does not answer; nobody waits for that thread.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_are_sound() {
        Flags::command().debug_assert();
    }
}

//! `cargo xtask …`: everything a contributor runs.

mod commands;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Everything a contributor of Factum runs.
///
/// Nothing has to be set up first: a command starts the servers that it needs, and says so.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100,
    after_help = "Begin with:
  cargo xtask demo                      see it at work
  cargo xtask test --fast               while you change it
  cargo xtask help <COMMAND>            what a command does, and how"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(commands::demo::Arguments),
    Up(commands::up::Arguments),
    Down(commands::down::Arguments),
    Test(commands::test::Arguments),
    Bench(commands::bench::Arguments),
    Chaos(commands::chaos::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => commands::demo::run(&arguments),
        Command::Up(arguments) => commands::up::run(&arguments),
        Command::Down(arguments) => commands::down::run(&arguments),
        Command::Test(arguments) => commands::test::run(&arguments),
        Command::Bench(arguments) => commands::bench::run(&arguments),
        Command::Chaos(arguments) => commands::chaos::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

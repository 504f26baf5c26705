//! A service node of the chaos runs.

use std::process::ExitCode;

use clap::Parser;
use factum_chaos::{kafka, node};
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    kafka::end_with_parent();
    match node::run(node::Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chaos-node: {error:#}");
            ExitCode::FAILURE
        }
    }
}

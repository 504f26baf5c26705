//! Runs seeds: `cargo run -p factum-simulation -- --seeds 10000`, or one with `--seed S --trace`.

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use factum_simulation::{Figures, run};

/// Runs the engine and the projector in a simulated world, and judges what came of it.
#[derive(Parser)]
struct Args {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Run this seed only.
    #[arg(long)]
    seed: Option<u64>,
    /// Print everything that happens.
    #[arg(long)]
    trace: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let seeds = match args.seed {
        Some(seed) => seed..seed + 1,
        None => args.first..args.first + args.seeds,
    };
    let (began, mut figures, mut failed) = (Instant::now(), Figures::default(), 0);
    for seed in seeds.clone() {
        let report = run(seed, args.trace);
        figures.add(&report.figures);
        if !report.violations.is_empty() {
            failed += 1;
            println!("seed {seed}, hash {:x}:", report.hash);
            for violation in &report.violations {
                println!("  {violation}");
            }
        }
    }
    let (count, took) = (seeds.end - seeds.start, began.elapsed().as_secs_f64());
    println!("{figures:?}");
    println!("{count} seeds, {failed} with violations, {took:.1} s");
    match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

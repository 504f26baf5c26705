//! What the benches share: figures beside their raw limit, as a table or as JSON.

#![allow(dead_code, reason = "each bench uses its part")]

pub mod desk;
pub mod echo;
pub mod loops;
mod prefixed;

use std::time::Duration;

use clap::Parser;

pub use prefixed::Prefixed;

/// Measures Factum beside the raw limit of its tools, in the same run and on the same bytes.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// Prints one JSON object a line instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Measures only the cases whose name holds this text.
    pub filter: Option<String>,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    /// Whether a case is to be measured.
    pub fn wants(&self, case: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| case.contains(filter.as_str()))
    }
}

/// Lets warnings, or what `RUST_LOG` asks for, be told on standard error.
pub fn tell_warnings() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
}

/// One figure beside its limit.
#[derive(Debug, serde::Serialize)]
pub struct Figure {
    bench: &'static str,
    case: String,
    value: f64,
    unit: &'static str,
    limit: f64,
    ratio: f64,
    #[serde(skip)]
    limit_is: &'static str,
}

/// The figures of one bench.
#[derive(Debug)]
pub struct Report {
    bench: &'static str,
    json: bool,
    figures: Vec<Figure>,
}

impl Report {
    pub fn new(bench: &'static str, arguments: &Arguments) -> Self {
        Self {
            bench,
            json: arguments.json,
            figures: Vec::new(),
        }
    }

    /// Adds a figure: pairs of (Factum, limit) that were measured in turn. The medians are told,
    /// and the median of the ratios pair by pair, which drifts less than the machine does.
    pub fn add(
        &mut self,
        case: &str,
        unit: &'static str,
        limit_is: &'static str,
        pairs: &[(f64, f64)],
    ) {
        let column = |of: fn(&(f64, f64)) -> f64| median(pairs.iter().map(of).collect());
        let figure = Figure {
            bench: self.bench,
            case: case.to_owned(),
            value: rounded(column(|pair| pair.0)),
            unit,
            limit: rounded(column(|pair| pair.1)),
            ratio: (column(|pair| pair.0 / pair.1) * 1000.0).round() / 1000.0,
            limit_is,
        };
        if self.json {
            println!(
                "{}",
                serde_json::to_string(&figure).expect("a figure is plain data")
            );
        } else {
            eprintln!("{case}: measured");
        }
        self.figures.push(figure);
    }

    /// Prints the table.
    pub fn finish(self) {
        if self.json {
            return;
        }
        println!(
            "\n{:<28} {:>12} {:>12} {:>7}  {:<9} limit is",
            self.bench, "Factum", "limit", "ratio", "unit"
        );
        for figure in &self.figures {
            let Figure {
                case,
                value,
                limit,
                ratio,
                unit,
                limit_is,
                ..
            } = figure;
            println!("{case:<28} {value:>12} {limit:>12} {ratio:>7.2}  {unit:<9} {limit_is}");
        }
    }
}

fn rounded(value: f64) -> f64 {
    if value < 1000.0 {
        (value * 100.0).round() / 100.0
    } else {
        value.round()
    }
}

/// The middle of the values.
pub fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 50)
}

/// The value below which `percent` of the values lie.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(values.len() * percent / 100).min(values.len() - 1)]
}

/// Events per second.
pub fn rate(events: usize, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}

//! Checks the protocol at deeper sizes: `cargo run --release -p factum-model [SETUP…]`.

use std::process::ExitCode;

use factum_model::{check, deeper};

fn main() -> ExitCode {
    let names: Vec<_> = std::env::args().skip(1).collect();
    let mut sound = true;
    for setup in deeper() {
        if names.is_empty() || names.iter().any(|name| name == setup.name) {
            let report = check(setup);
            println!("{report}");
            sound &= report.violations.is_empty() && report.unreached.is_empty();
        }
    }
    if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

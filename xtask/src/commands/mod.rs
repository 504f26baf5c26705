//! One module for each sub-command.

use std::path::Path;
use std::process::Command;

pub(crate) mod bench;
pub(crate) mod chaos;
pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod test;
pub(crate) mod up;

/// Progress goes to stderr: stdout is for results.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

/// The cargo that runs this program, in the workspace.
pub(crate) fn cargo() -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    // What Cargo tells a program about its own package is not true for the packages it builds.
    let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| own(name)) {
        command.env_remove(name);
    }
    command
}

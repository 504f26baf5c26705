//! One module for each sub-command.

pub(crate) mod down;
pub(crate) mod up;

/// Progress goes to stderr: stdout is for results.
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

//! What a process holds, as the kernel tells it.

use std::fs;

use serde::{Deserialize, Serialize};

/// What a process holds at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub resident: u64,
    /// The part of it that no file backs, in bytes: heaps and stacks.
    pub anonymous: u64,
    /// Open file handles, sockets among them.
    pub handles: u64,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// Of a process, by its id; `None` where it is gone, or the system has no `/proc`.
    pub fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let handles = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
        Some(Self {
            resident: field(&status, "VmRSS:")? * 1024,
            anonymous: field(&status, "RssAnon:")? * 1024,
            handles,
            threads: field(&status, "Threads:")?,
        })
    }
}

/// A number of `/proc/PID/status`; those of memory are in KiB.
fn field(status: &str, name: &str) -> Option<u64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_gone_holds_nothing() {
        assert_eq!(Usage::of(u32::MAX), None);
    }
}

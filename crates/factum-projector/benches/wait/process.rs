//! What this process takes of the machine, as Linux tells it; 0 elsewhere.

use std::fs;

/// Seconds that threads of this name have been on a processor.
pub fn cpu_of(name: &str) -> f64 {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    let nanoseconds = tasks.flatten().filter_map(|task| {
        let called = fs::read_to_string(task.path().join("comm")).ok()?;
        if called.trim() != name {
            return None;
        }
        let spent = fs::read_to_string(task.path().join("schedstat")).ok()?;
        spent.split(' ').next()?.parse::<u64>().ok()
    });
    nanoseconds.sum::<u64>() as f64 / 1e9
}

/// Bytes in memory.
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kibibytes.unwrap_or_default() * 1024
}

//! Processes that outlive their starter: spawned in a session of their own, known again later by
//! process id and start time, stopped gently or at once.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// A process for certain: ids are given out again, an id with its start time is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub pid: i32,
    /// Opaque; the boot and the tick of the start on Linux, a date elsewhere.
    pub started: String,
}

impl Process {
    /// The process that has this id now.
    pub(crate) fn with_id(pid: i32) -> Option<Process> {
        let started = start_time(pid)?;
        Some(Process { pid, started })
    }

    pub(crate) fn this() -> Option<Process> {
        Process::with_id(i32::try_from(std::process::id()).ok()?)
    }

    /// A dead process that nobody has waited for counts as gone.
    pub(crate) fn is_alive(&self) -> bool {
        Process::with_id(self.pid).as_ref() == Some(self) && !is_zombie(self.pid)
    }

    /// Sends `signal` and waits up to `patience` for the end; says whether it came.
    pub(crate) fn end(&self, signal: Signal, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        self.send(signal);
        while self.is_alive() {
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    pub(crate) fn send(&self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) {
            // It may end between the question and the signal: nothing is left to do then.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Starts `command` in a session of its own, both outputs appended to the file `log`.
///
/// # Errors
/// When the log cannot be opened or the program cannot be started.
pub(crate) fn spawn(mut command: Command, log: &Path) -> Result<Process> {
    let open = || File::options().create(true).append(true).open(log);
    let output = open().with_context(|| format!("cannot write {}", log.display()))?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    // SAFETY: setsid is async-signal-safe and touches no memory of this process.
    unsafe {
        command.pre_exec(|| rustix::process::setsid().map(drop).map_err(Into::into));
    }
    let program = command.get_program().display().to_string();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {program}"))?;
    let process = Process::with_id(i32::try_from(child.id())?);
    // Whoever starts a process must collect its end, or a dead one looks alive for ever.
    std::thread::spawn(move || child.wait());
    process.ok_or_else(|| anyhow!("{program} ended at once"))
}

#[cfg(target_os = "linux")]
fn start_time(pid: i32) -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let ticks = stat_field(pid, 22)?;
    Some(format!("{}/{ticks}", boot.trim()))
}

/// The first thread of a killed process may be done while others still hold its ports and files.
#[cfg(target_os = "linux")]
fn is_zombie(pid: i32) -> bool {
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    stat_field(pid, 3).is_none_or(|state| state == "X" || state == "Z" && threads() <= 1)
}

/// A field of /proc/PID/stat, counted from 1 as in its manual; not the first two.
#[cfg(target_os = "linux")]
fn stat_field(pid: i32, field: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(field - 3).map(str::to_owned)
}

#[cfg(not(target_os = "linux"))]
fn start_time(pid: i32) -> Option<String> {
    ps(pid, "lstart=")
}

#[cfg(not(target_os = "linux"))]
fn is_zombie(pid: i32) -> bool {
    ps(pid, "state=").is_none_or(|state| state.starts_with('Z'))
}

#[cfg(not(target_os = "linux"))]
fn ps(pid: i32, field: &str) -> Option<String> {
    let mut command = Command::new("ps");
    super::way::output_of(command.args(["-o", field, "-p", &pid.to_string()]))
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

/// Kills at once each of the `programs` that works in `dir` or below: the children of a server that
/// died, and what was started by a process that died before it could record it. Linux only.
pub(crate) fn sweep(dir: &Path, programs: &[&str]) {
    for process in at_work(dir, programs) {
        process.end(Signal::KILL, Duration::from_secs(5));
    }
}

/// Sends `signal` to each of the `programs` that works in `dir` or below. Linux only.
pub(crate) fn signal_all(dir: &Path, programs: &[&str], signal: Signal) {
    for process in at_work(dir, programs) {
        process.send(signal);
    }
}

fn at_work(dir: &Path, programs: &[&str]) -> Vec<Process> {
    let Ok(dir) = dir.canonicalize() else {
        return Vec::new();
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let works = |process: &Process| {
        let link = |name: &str| fs::read_link(format!("/proc/{}/{name}", process.pid));
        let is_one = |exe: PathBuf| programs.iter().any(|program| exe.ends_with(program));
        // One that is about to end has only a name left; its shared memory may still be in use.
        let name = || fs::read_to_string(format!("/proc/{}/comm", process.pid));
        let exe = link("exe").or_else(|_| Ok::<_, io::Error>(name()?.trim_end().into()));
        exe.is_ok_and(is_one) && link("cwd").is_ok_and(|cwd| cwd.starts_with(&dir))
    };
    pids.filter_map(Process::with_id).filter(works).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(dir: &Path) -> Process {
        let mut command = Command::new("sleep");
        command.arg("600").current_dir(dir);
        spawn(command, &dir.join("log")).unwrap()
    }

    #[test]
    fn a_process_is_known_again_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let process = sleeper(dir.path());
        assert!(process.is_alive());
        assert!(process.end(Signal::TERM, Duration::from_secs(60)));
        assert!(!process.is_alive());
    }

    #[test]
    fn another_process_under_the_same_id_is_a_stranger() {
        let mut stranger = Process::this().unwrap();
        assert!(stranger.is_alive());
        stranger.started.push('x');
        assert!(!stranger.is_alive());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_sweep_ends_the_program_in_its_directory_only() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mine, other) = (sleeper(here.path()), sleeper(there.path()));
        let exe = fs::read_link(format!("/proc/{}/exe", mine.pid)).unwrap();
        let program = exe.file_name().unwrap().to_str().unwrap();
        sweep(here.path(), &["another-program"]);
        assert!(mine.is_alive());
        sweep(here.path(), &[program]);
        assert!(!mine.is_alive() && other.is_alive());
        other.end(Signal::KILL, Duration::from_secs(60));
    }
}

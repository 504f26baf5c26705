//! The demo's programs as child processes.

use std::fmt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use xtask::servers::factum_dir;

use crate::commands::without_operations;

/// How often to look for obstacles: it may take a call of Docker.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A program of examples/loans with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    name: &'static str,
    path: PathBuf,
    arguments: Vec<String>,
    reports: bool,
}

impl Program {
    /// A program whose standard output is progress, and goes to standard error.
    pub(crate) fn new(name: &'static str) -> Program {
        Program {
            name,
            path: factum_dir().with_file_name("release").join(name),
            arguments: Vec::new(),
            reports: false,
        }
    }

    pub(crate) fn with(mut self, arguments: &[impl AsRef<str>]) -> Program {
        let arguments = arguments
            .iter()
            .map(|argument| argument.as_ref().to_owned());
        self.arguments.extend(arguments);
        self
    }

    /// Its standard output is the demo's.
    pub(crate) fn reporting(mut self) -> Program {
        self.reports = true;
        self
    }

    fn start(&self) -> Result<Running> {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).stdin(Stdio::null());
        without_operations(&mut command);
        if !self.reports {
            command.stdout(std::io::stderr());
        }
        let child = command.spawn();
        let child = child.with_context(|| format!("cannot start {}", self.name))?;
        Ok(Running {
            name: self.name,
            child,
        })
    }
}

/// The command line, without quotes.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.arguments.join(" "))
    }
}

/// Runs the programs at the same time until all have ended well. When one fails, or `obstacle` sees
/// a reason why they cannot go on, the others are ended too: a worker whose server died would wait
/// for it for ever.
///
/// # Errors
/// When one fails, or with the obstacle.
pub(crate) fn run_all(programs: &[Program], obstacle: &dyn Fn() -> Option<String>) -> Result<()> {
    let mut running = programs
        .iter()
        .map(Program::start)
        .collect::<Result<Vec<_>>>()?;
    let mut looked = Instant::now();
    loop {
        let mut still = Vec::new();
        for mut program in running {
            if !program.has_ended()? {
                still.push(program);
            }
        }
        running = still;
        if running.is_empty() {
            return Ok(());
        }
        if looked.elapsed() >= LOOK_EVERY {
            if let Some(obstacle) = obstacle() {
                bail!(obstacle);
            }
            looked = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A child that does not outlive this value.
struct Running {
    name: &'static str,
    child: Child,
}

impl Running {
    /// # Errors
    /// When it has ended and failed.
    fn has_ended(&mut self) -> Result<bool> {
        match self.child.try_wait().context("cannot wait for a program")? {
            Some(status) if !status.success() => bail!("{} failed: {status}", self.name),
            ended => Ok(ended.is_some()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Has no effect on one that was waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        let mut program = Program::new("shell").with(&["-c", script]);
        program.path = "/bin/sh".into();
        program
    }

    #[test]
    fn all_have_to_end_well() {
        run_all(&[shell("exit 0"), shell("sleep 0.1")], &|| None).unwrap();
    }

    #[test]
    fn one_failure_ends_the_others_at_once() {
        let begin = Instant::now();
        let error = run_all(&[shell("exec sleep 600"), shell("exit 3")], &|| None);
        let text = error.unwrap_err().to_string();
        assert!(
            text.contains("shell failed") && text.contains('3'),
            "{text}"
        );
        assert!(begin.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn nobody_waits_for_a_server_that_died() {
        let begin = Instant::now();
        let obstacle = || Some("kafka has died".to_owned());
        let error = run_all(&[shell("exec sleep 600")], &obstacle).unwrap_err();
        assert_eq!(error.to_string(), "kafka has died");
        assert!(begin.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run_all(&[Program::new("no-such-program")], &|| None).unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error:#}");
    }
}

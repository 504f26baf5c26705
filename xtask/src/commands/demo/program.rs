//! The demo's programs as child processes.

use std::fmt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use xtask::servers::factum_dir;

/// A program of examples/loans with its arguments.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    name: &'static str,
    arguments: Vec<String>,
    reports: bool,
}

impl Program {
    /// A program whose standard output is progress, and goes to standard error.
    pub(crate) fn new(name: &'static str) -> Program {
        Program {
            name,
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
        let target = factum_dir().with_file_name("release");
        let mut command = Command::new(target.join(self.name));
        command.args(&self.arguments).stdin(Stdio::null());
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
        if let Some(obstacle) = obstacle() {
            bail!(obstacle);
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

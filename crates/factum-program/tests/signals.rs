//! Programs that are told to stop: this test's own binary, in a process of its own.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use factum_program::shutdown_signal;
use rustix::process::{Pid, Signal, kill_process};

/// Longer than any of this takes. It ends a child whose parent did not.
const TOO_LONG: Duration = Duration::from_secs(30);

/// Tells on its standard output when it listens, and when it was told to stop; then it goes on, as
/// if much were under way.
#[tokio::test]
#[ignore = "run by the other tests as a process of its own"]
async fn child() {
    let stop = shutdown_signal();
    println!("\nlistening");
    tokio::time::timeout(TOO_LONG, stop.clone())
        .await
        .expect("it is told to stop");
    stop.await; // and so is everyone who waits for it
    println!("\ntold");
    tokio::time::sleep(TOO_LONG).await;
    panic!("nobody ended it");
}

struct Program {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Program {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this test's binary"))
            .args(["--exact", "child", "--ignored", "--nocapture"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child starts");
        let says = BufReader::new(process.stdout.take().expect("its output")).lines();
        Self { process, says }
    }

    fn wait_for(&mut self, said: &str) {
        let found = self.says.any(|line| line.expect("it speaks UTF-8") == said);
        assert!(found, "it ended before it said `{said}`");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("it is there");
    }

    fn ended(&mut self) -> ExitStatus {
        self.process.wait().expect("it ends")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_first_signal_is_told_and_the_second_ends_the_program() {
    for (first, second) in [
        (Signal::TERM, Signal::INT),
        (Signal::INT, Signal::TERM),
        (Signal::INT, Signal::INT),
    ] {
        let mut program = Program::start();
        program.wait_for("listening");
        program.signal(first);
        program.wait_for("told");
        assert!(program.process.try_wait().expect("it is a child").is_none());
        program.signal(second);
        assert_eq!(program.ended().code(), Some(130), "{first:?}, {second:?}");
    }
}

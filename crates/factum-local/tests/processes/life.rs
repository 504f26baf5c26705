//! Children: started, heard, and killed at the latest when they are dropped.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

const DIR: &str = "FACTUM_LOCAL_TEST_DIR";
const NAME: &str = "FACTUM_LOCAL_TEST_NAME";
/// What children say begins with this; the rest is the test harness's.
const MARK: &str = "child: ";

/// A running child.
pub struct Life {
    child: Child,
    said: Receiver<String>,
    listener: Option<JoinHandle<()>>,
}

impl Life {
    /// Starts this program again, to run one of its ignored tests.
    pub fn start(role: &str, dir: &Path, name: &str) -> Self {
        let mut child = Command::new(env::current_exe().expect("this program has a path"))
            .args([
                "--exact",
                &format!("children::{role}"),
                "--ignored",
                "--nocapture",
            ])
            .env(DIR, dir)
            .env(NAME, name)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process starts");
        let lines = BufReader::new(child.stdout.take().expect("it is heard")).lines();
        let (say, said) = channel();
        let listener = thread::spawn(move || {
            // The harness leaves its line open before a test's own output.
            for line in lines.map_while(Result::ok) {
                if let Some((_, words)) = line.split_once(MARK) {
                    let _ = say.send(words.to_owned());
                }
            }
        });
        Self {
            child,
            said,
            listener: Some(listener),
        }
    }

    /// The next thing that it says.
    pub fn hear(&self) -> String {
        let said = self.said.recv_timeout(Duration::from_secs(60));
        said.expect("the child says something within a minute")
    }

    /// What it has said since it was last heard.
    pub fn heard(&self) -> Vec<String> {
        self.said.try_iter().collect()
    }

    /// Kills it, and returns what it said that was not heard yet.
    pub fn kill(mut self) -> Vec<String> {
        self.end();
        self.heard()
    }

    /// Its process id, for signals.
    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end();
    }
}

/// In a child: says something.
pub fn say(words: &str) {
    // One call, so that a line is whole or not there.
    println!("{MARK}{words}");
}

/// In a child: the log's folder.
pub fn dir() -> PathBuf {
    env::var_os(DIR)
        .expect("children are started by tests")
        .into()
}

/// In a child: its name.
pub fn name() -> String {
    env::var(NAME).expect("children are started by tests")
}

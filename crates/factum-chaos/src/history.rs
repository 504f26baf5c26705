//! What the clients asked and were answered: the one side that the checker weighs the log against.
//!
//! A file of one JSON line for each command, written when the client is done with it.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::wire::{Answer, Order, Way};

/// A command and all attempts at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The client's own name for the command.
    pub order: String,
    /// The account's id.
    pub account: String,
    /// What was asked of it.
    pub command: Order,
    /// The command id, if the client chose one.
    pub id: Option<Uuid>,
    /// The version that the account had to have.
    pub expected: Option<u64>,
    /// When the first attempt began, in microseconds since the run did; one clock for all clients.
    pub begin: u64,
    /// When the client knew what became of it, or gave up. Attempts after that only make sure that
    /// the answer stays the same.
    pub end: u64,
    /// The attempts, in their order.
    pub attempts: Vec<Attempt>,
}

/// One attempt at a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// How it was sent.
    #[serde(default)]
    pub way: Way,
    /// The node that was asked, from 0, where one was.
    pub node: Option<usize>,
    /// When it began.
    pub begin: u64,
    /// How it ended.
    pub answer: Answer,
}

/// Writes what is asked as it ends, so that nothing is lost with the program.
pub struct Recorder(BufWriter<File>);

impl Recorder {
    /// Begins a new file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(BufWriter::new(file)))
    }

    /// Adds a line.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, line: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.0, line)?;
        self.0.write_all(b"\n")?;
        Ok(())
    }

    /// Writes what is held back.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush()?)
    }
}

/// Reads a file of JSON lines.
///
/// # Errors
/// It cannot be read, or holds something else.
pub fn lines<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parse = |line: std::io::Result<String>| Ok(serde_json::from_str(&line?)?);
    let lines: Result<Vec<T>> = BufReader::new(file).lines().map(parse).collect();
    lines.with_context(|| format!("cannot read {}", path.display()))
}

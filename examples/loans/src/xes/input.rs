//! The file as a stream of lines: unpacked if need be, counted, and bounded.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BUFFER: usize = 64 * 1024;

/// The most bytes between two tags' ends. A log's tags have some hundred; a file that has no
/// further tag must not be read into memory whole.
pub(super) const LONGEST_NODE: u64 = 4 * 1024 * 1024;

/// How far a file was read, in its own bytes: packed ones when it is packed.
#[derive(Clone, Debug)]
pub struct Progress {
    read: Arc<AtomicU64>,
    total: u64,
}

impl Progress {
    /// Bytes read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The file's size in bytes.
    pub fn total(&self) -> u64 {
        self.total
    }
}

/// An opened file, unpacked if its first bytes say that it is packed.
pub(super) struct Input {
    text: BufReader<Box<dyn Read + Send>>,
    line: u64,
    budget: u64,
}

impl Input {
    pub(super) fn open(path: &Path) -> io::Result<(Self, Progress)> {
        let file = File::open(path)?;
        let progress = Progress {
            read: Arc::default(),
            total: file.metadata()?.len(),
        };
        let counted = Counted {
            file,
            read: Arc::clone(&progress.read),
        };
        let mut packed = BufReader::with_capacity(BUFFER, counted);
        let text: Box<dyn Read + Send> = if packed.fill_buf()?.starts_with(&GZIP) {
            Box::new(MultiGzDecoder::new(packed))
        } else {
            Box::new(packed)
        };
        let text = BufReader::with_capacity(BUFFER, text);
        let input = Self {
            text,
            line: 1,
            budget: LONGEST_NODE,
        };
        Ok((input, progress))
    }

    /// The line that is read next, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Allows another [`LONGEST_NODE`] bytes.
    pub(super) fn refill(&mut self) {
        self.budget = LONGEST_NODE;
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.budget == 0 {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.text.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // The text's own buffer still holds what is being consumed.
        let consumed = &self.text.buffer()[..amount];
        self.line += consumed.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.budget = self.budget.saturating_sub(amount as u64);
        self.text.consume(amount);
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(out)?;
        self.consume(read);
        Ok(read)
    }
}

struct Counted {
    file: File,
    read: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

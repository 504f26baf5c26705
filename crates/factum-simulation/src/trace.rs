//! Everything that happens, in order: a line each, and a hash of all.

use std::fmt::{self, Write};
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

/// What has happened so far.
pub struct Trace {
    hash: DefaultHasher,
    printed: bool,
    count: u64,
}

impl Trace {
    /// Nothing yet. `printed` prints what comes, with its time.
    pub fn new(printed: bool) -> Self {
        Self {
            hash: DefaultHasher::new(), // its keys are always the same
            printed,
            count: 0,
        }
    }

    /// Notes something, and returns its number.
    pub fn note(&mut self, at: Duration, what: fmt::Arguments<'_>) -> u64 {
        self.count += 1;
        self.hash.write_u128(at.as_micros());
        let _ = Hashed(&mut self.hash).write_fmt(what);
        if self.printed {
            println!("{:>9.3} {what}", at.as_secs_f64());
        }
        self.count
    }

    /// What stands for all of it.
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How much happened.
    pub fn len(&self) -> u64 {
        self.count
    }
}

struct Hashed<'h>(&'h mut DefaultHasher);

impl Write for Hashed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

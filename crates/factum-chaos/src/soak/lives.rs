//! What was seen of each process. A program that was started again lives anew: its series begins anew.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Usage;

/// What a process held at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Since the soak began.
    pub at: Duration,
    /// What it held.
    pub usage: Usage,
}

/// One process, from the first moment at which it was seen to the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// The program's name.
    pub program: String,
    /// The process id.
    pub pid: u32,
    /// What it held, in the order of time; at least one.
    pub samples: Vec<Sample>,
}

/// The lives of all processes.
#[derive(Clone, Debug, Default)]
pub struct Lives(Vec<Life>);

impl Lives {
    /// Notes what a process holds.
    pub fn note(&mut self, program: &str, pid: u32, sample: Sample) {
        let same = |life: &&mut Life| life.pid == pid && life.program == program;
        match self.0.iter_mut().rev().find(same) {
            Some(life) => life.samples.push(sample),
            None => self.0.push(Life {
                program: program.to_owned(),
                pid,
                samples: vec![sample],
            }),
        }
    }

    /// All of them, in the order of their beginning.
    pub fn all(&self) -> &[Life] {
        &self.0
    }
}

impl Life {
    /// When it was seen first.
    pub fn begin(&self) -> Duration {
        self.samples.first().map_or(Duration::ZERO, |it| it.at)
    }

    /// When it was seen last.
    pub fn end(&self) -> Duration {
        self.samples.last().map_or(Duration::ZERO, |it| it.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_starts_again_lives_anew() {
        let mut lives = Lives::default();
        for (second, pid) in [(0, 7), (1, 7), (2, 8)] {
            let sample = Sample {
                at: Duration::from_secs(second),
                usage: Usage::default(),
            };
            lives.note("node-0", pid, sample);
        }
        let [first, second] = lives.all() else {
            panic!("{lives:?}");
        };
        assert_eq!((first.pid, first.samples.len()), (7, 2));
        assert_eq!((second.begin().as_secs(), second.end().as_secs()), (2, 2));
    }
}

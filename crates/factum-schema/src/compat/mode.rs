//! The modes of compatibility that a registry knows, over a history of versions.

use std::fmt;
use std::str::FromStr;

use crate::Schema;
use crate::compat::{Direction, Incompatibility, findings};

/// Which versions must be able to read which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// None need to.
    None,
    /// The newest version reads the one before it.
    Backward,
    /// The newest version reads every version before it. What a log needs that is never rewritten.
    BackwardTransitive,
    /// The version before the newest reads the newest.
    Forward,
    /// Every version before the newest reads the newest.
    ForwardTransitive,
    /// Backward and forward.
    Full,
    /// Backward and forward, with every version before the newest.
    FullTransitive,
}

impl Mode {
    /// All modes, from the laxest to the strictest.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Backward,
        Self::BackwardTransitive,
        Self::Forward,
        Self::ForwardTransitive,
        Self::Full,
        Self::FullTransitive,
    ];

    /// The mode as a registry writes it: `BACKWARD_TRANSITIVE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Backward => "BACKWARD",
            Self::BackwardTransitive => "BACKWARD_TRANSITIVE",
            Self::Forward => "FORWARD",
            Self::ForwardTransitive => "FORWARD_TRANSITIVE",
            Self::Full => "FULL",
            Self::FullTransitive => "FULL_TRANSITIVE",
        }
    }

    /// Whether every older version counts, not only the last.
    pub fn is_transitive(self) -> bool {
        matches!(
            self,
            Self::BackwardTransitive | Self::ForwardTransitive | Self::FullTransitive
        )
    }

    /// The directions in which the newest version is held against an older one.
    pub fn directions(self) -> &'static [Direction] {
        match self {
            Self::None => &[],
            Self::Backward | Self::BackwardTransitive => &[Direction::Backward],
            Self::Forward | Self::ForwardTransitive => &[Direction::Forward],
            Self::Full | Self::FullTransitive => &[Direction::Backward, Direction::Forward],
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no mode of compatibility; use NONE, BACKWARD, FORWARD or FULL, or one of the last three with \
     _TRANSITIVE"
)]
pub struct UnknownMode(pub String);

impl FromStr for Mode {
    type Err = UnknownMode;

    /// Reads a mode in capital or small letters, with `_` or `-`.
    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        let name = text.replace('-', "_").to_ascii_uppercase();
        let found = Self::ALL.into_iter().find(|mode| mode.as_str() == name);
        found.ok_or_else(|| UnknownMode(text.to_owned()))
    }
}

/// A finding of [`check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The older version's index in the history that was checked.
    pub older: usize,
    /// Which of both reads: the newest ([`Direction::Backward`]) or the older one.
    pub direction: Direction,
    /// What is wrong. Its reader and writer are the newest and the older version, or the other way
    /// round, as the direction says.
    pub incompatibility: Incompatibility,
}

/// Holds the newest version against its history, oldest first, as the mode asks.
///
/// The findings beyond Avro are among them ([`crate::Rule::beyond_avro`]): whether they fail a build
/// or only warn is the caller's to decide.
pub fn check(mode: Mode, history: &[&Schema], newest: &Schema) -> Vec<Violation> {
    let last = history.len().saturating_sub(1);
    let first = if mode.is_transitive() { 0 } else { last };
    let mut violations = Vec::new();
    for (older, schema) in history.iter().enumerate().skip(first) {
        for &direction in mode.directions() {
            let (reader, writer) = match direction {
                Direction::Backward => (newest, *schema),
                Direction::Forward => (*schema, newest),
            };
            let found = findings(reader, writer, direction);
            let all = found.incompatibilities.into_iter().chain(found.meaning);
            violations.extend(all.map(|incompatibility| Violation {
                older,
                direction,
                incompatibility,
            }));
        }
    }
    violations
}

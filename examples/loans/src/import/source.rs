//! Where cases come from.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::case::Case;
use crate::generate::Generator;
use crate::xes::{XesError, XesReader};

/// Where the real log lies beside a checkout of the repository, for those who have it.
const BESIDE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../../shared/data/BPI_Challenge_2012.xes.gz"
);

/// As many cases as the real log has.
const CASES: u64 = 13_087;

/// Where cases come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An XES file, gzipped or not.
    Xes(PathBuf),
    /// Made-up cases.
    Generated {
        /// How many.
        cases: u64,
        /// What they are made from: the same seed makes the same cases.
        seed: u64,
    },
}

impl Source {
    /// The file that the environment names (`FACTUM_XES`), or the real log where it lies beside the
    /// repository, or as many made-up cases as it has.
    pub fn at_hand(seed: u64) -> Self {
        let named = std::env::var_os("FACTUM_XES").map(PathBuf::from);
        let beside = || Path::new(BESIDE).canonicalize().ok();
        match named.or_else(beside) {
            Some(file) => Self::Xes(file),
            None => Self::Generated { cases: CASES, seed },
        }
    }

    pub(super) fn open(&self) -> Result<Cases, XesError> {
        Ok(match self {
            Self::Xes(path) => Cases::Xes(Box::new(XesReader::open(path)?)),
            Self::Generated { cases, seed } => Cases::Generated {
                generator: Generator::new(*cases, *seed),
                cases: *cases,
            },
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xes(path) => write!(f, "{}", path.display()),
            Self::Generated { cases, seed } => write!(f, "generated: {cases} cases, seed {seed}"),
        }
    }
}

/// An opened source.
pub(super) enum Cases {
    Xes(Box<XesReader>),
    Generated { generator: Generator, cases: u64 },
}

impl Cases {
    /// How far it was read, of what: bytes of a file, or made-up cases.
    pub(super) fn position(&self) -> (u64, u64) {
        match self {
            Self::Xes(reader) => (reader.progress().read(), reader.progress().total()),
            Self::Generated { generator, cases } => (generator.made(), *cases),
        }
    }

    pub(super) fn is_generated(&self) -> bool {
        matches!(self, Self::Generated { .. })
    }
}

impl Iterator for Cases {
    type Item = Result<Case, XesError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Xes(reader) => reader.next(),
            Self::Generated { generator, .. } => generator.next().map(Ok),
        }
    }
}

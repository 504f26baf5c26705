//! What is wrong with a tree of schemas: every mistake, one a line.

use std::fmt;

/// A mistake, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file or folder, as the caller named the tree: `schemas/bank/loan/Submitted/2.avsc`.
    pub file: String,
    /// Where in the file, as a JSON pointer; empty for the file itself.
    pub pointer: String,
    /// What, and what to do.
    pub message: String,
    /// Which rule is broken.
    pub rule: Rule,
}

/// The rules that a tree of schemas must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rule {
    /// A file is a schema, lies where its version belongs, and is one that code is generated for.
    Schema,
    /// `schemas.toml` says what can be done.
    Settings,
    /// A released version never changes.
    Changed,
    /// A released version never goes away.
    Gone,
    /// Every version is in `schemas.lock`.
    NotLocked,
    /// The newest version reads every older one, and as far as the context's mode asks they read it.
    Compatibility(factum_schema::Rule),
    /// Code can be generated that reads every older version as the newest.
    Unreadable,
}

impl Rule {
    /// The rule's name, for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schema => "schema",
            Self::Settings => "settings",
            Self::Changed => "changed",
            Self::Gone => "gone",
            Self::NotLocked => "not-locked",
            Self::Compatibility(rule) => rule.as_str(),
            Self::Unreadable => "unreadable",
        }
    }
}

impl Finding {
    pub(crate) fn new(file: &str, pointer: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            pointer: pointer.to_owned(),
            message: message.into(),
            rule: Rule::Schema,
        }
    }

    pub(crate) fn rule(self, rule: Rule) -> Self {
        Self { rule, ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pointer.as_str() {
            "" => write!(f, "{}: {}", self.file, self.message),
            pointer => write!(f, "{}: {pointer}: {}", self.file, self.message),
        }
    }
}

/// Why no code was generated: every mistake that was found.
///
/// `Debug` prints what `Display` does, since that is what a `build.rs` shows whose `main` returns it.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    findings: Vec<Finding>,
}

impl Error {
    pub(crate) fn one(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
        }
    }

    /// The mistakes, at least one, in the order of files.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

/// `Ok` if there is nothing to report.
pub(crate) fn settle(mut findings: Vec<Finding>) -> Result<(), Error> {
    if findings.is_empty() {
        return Ok(());
    }
    findings.sort_by(|a, b| a.file.cmp(&b.file));
    Err(Error { findings })
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no code was generated from the Avro schemas")?;
        for finding in &self.findings {
            write!(f, "\n{finding}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}

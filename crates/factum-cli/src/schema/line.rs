//! A finding as it is printed.

use std::fmt;

use factum_build::Finding;
use serde::Serialize;

/// Where, what, how to mend it, and which rule is broken.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    pub file: String,
    /// A JSON pointer; empty for the file itself.
    pub pointer: String,
    pub rule: &'static str,
    pub message: String,
    /// Whether it is only told, and fails nothing.
    pub note: bool,
}

impl Line {
    /// What is only told: a build warns of it.
    pub(super) fn note(warning: &Finding) -> Self {
        Self {
            note: true,
            ..Self::from(warning)
        }
    }

    /// Whether `other` says the same of the same file, or of a folder that the file would be in.
    pub(super) fn is_told_by(&self, other: &Self) -> bool {
        let inside = format!("{}/", self.file).starts_with(&format!("{}/", other.file));
        self.rule == other.rule && self.pointer == other.pointer && inside
    }
}

impl From<&Finding> for Line {
    fn from(finding: &Finding) -> Self {
        Self {
            file: finding.file.clone(),
            pointer: finding.pointer.clone(),
            rule: finding.rule.as_str(),
            message: finding.message.clone(),
            note: false,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        let note = if self.note { "note: " } else { "" };
        write!(f, "{} [{note}{}]", self.message, self.rule)
    }
}

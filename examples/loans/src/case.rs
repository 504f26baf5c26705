//! What a source yields, whichever it is: one case after the other, each with its whole log.

use jiff::Timestamp;

/// One loan application: what was asked for, and everything that happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// The case's name in the log, for example `173688`.
    pub name: String,
    /// The amount that was requested, in whole euros.
    pub amount: i64,
    /// What happened, in the log's order. Times may tie.
    pub entries: Vec<Entry>,
}

/// One line of a case's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What happened: `A_…` for the application, `O_…` for an offer, `W_…` for a work item.
    pub activity: String,
    /// Which step in the life of the activity this is.
    pub transition: Transition,
    /// Who did it; the log does not always say.
    pub resource: Option<String>,
    /// When.
    pub time: Timestamp,
    /// The line of the file that it came from, where there is a file.
    pub line: Option<u64>,
}

/// The step in the life of an activity (XES lifecycle extension).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transition {
    /// The work was put on someone's list.
    Schedule,
    /// Someone began.
    Start,
    /// Done, or laid aside for now.
    Complete,
    /// A transition that this process does not have.
    Other(String),
}

impl Transition {
    /// Reads the transition's name, in either case. The names are those of the standard.
    pub fn named(name: &str) -> Self {
        match name {
            _ if name.eq_ignore_ascii_case("schedule") => Self::Schedule,
            _ if name.eq_ignore_ascii_case("start") => Self::Start,
            _ if name.eq_ignore_ascii_case("complete") => Self::Complete,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// The transition's name, as the standard writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Schedule => "schedule",
            Self::Start => "start",
            Self::Complete => "complete",
            Self::Other(name) => name,
        }
    }
}

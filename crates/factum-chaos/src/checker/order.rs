//! Whether the log keeps the order that clients saw.

use super::{Commit, Fact};
use crate::history::Asked;

/// A command and where it took effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'a> {
    /// Its line in the history.
    pub line: usize,
    pub asked: &'a Asked,
    /// Its last event.
    pub fact: &'a Fact,
    /// Whether its client was told so.
    pub told: bool,
}

impl<'a> Placed<'a> {
    pub fn new(line: usize, asked: &'a Asked, commit: &'a Commit, told: bool) -> Option<Self> {
        let fact = commit.last()?;
        Some(Self {
            line,
            asked,
            fact,
            told,
        })
    }
}

/// The commands of one partition that stand before one that was acknowledged before they were sent,
/// each with such a one.
pub(super) fn overtaking<'a>(mut placed: Vec<Placed<'a>>) -> Vec<(Placed<'a>, Placed<'a>)> {
    let mut told: Vec<_> = placed.iter().copied().filter(|it| it.told).collect();
    told.sort_by_key(|it| it.asked.end);
    placed.sort_by_key(|it| it.asked.begin);
    let (mut told, mut newest) = (told.into_iter().peekable(), None::<Placed<'a>>);
    let mut found = Vec::new();
    for later in placed {
        while let Some(earlier) = told.next_if(|it| it.asked.end < later.asked.begin) {
            newest = match newest {
                Some(newest) if newest.fact.sequence > earlier.fact.sequence => Some(newest),
                _ => Some(earlier),
            };
        }
        found.extend(
            newest
                .filter(|it| it.fact.sequence > later.fact.sequence)
                .map(|it| (it, later)),
        );
    }
    found
}

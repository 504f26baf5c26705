//! Giving letters up.

use std::collections::HashSet;

use serde::Serialize;

use super::LetterFilter;
use super::changes::{Numbers, Place, topics};
use super::chosen::Forwards;
use crate::ProjectorError;
use crate::letter::Head;
use crate::operations::Operations;

/// What discarding comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Discard {
    /// The topics of the letters that are lost, by name.
    pub topics: Vec<String>,
    /// How many letters are lost.
    pub letters: u64,
    /// Of how many keys, or aggregates that are parked as a whole, in all partitions.
    pub keys: u64,
    /// How many letters stay of those that come behind one that is lost.
    pub behind: u64,
}

/// What is to be discarded.
#[derive(Default)]
struct Lost {
    discard: Discard,
    numbers: Numbers,
}

impl Operations {
    /// What [`Operations::discard`] would come to. Changes nothing.
    ///
    /// # Errors
    /// There is no table of dead letters, or Postgres fails.
    pub async fn plan_discard(
        &self,
        projection: &str,
        version: u32,
        filter: &LetterFilter,
    ) -> Result<Discard, ProjectorError> {
        let lost = self.to_discard((projection, version), filter).await?;
        Ok(lost.discard)
    }

    /// Discards the letters for which a filter holds: their events are never applied. Workers may run: what they
    /// park meanwhile stays, and what they replay meanwhile is not discarded.
    ///
    /// # Errors
    /// There is no table of dead letters, the positions are in use, or Postgres fails; nothing has changed then.
    pub async fn discard(
        &self,
        projection: &str,
        version: u32,
        filter: &LetterFilter,
    ) -> Result<Discard, ProjectorError> {
        let discarded = self.in_transaction(projection, version, async {
            let lost = self.to_discard((projection, version), filter).await?;
            self.change("DELETE FROM {table}", (projection, version), &lost.numbers)
                .await?;
            Ok(lost.discard)
        });
        discarded.await
    }

    async fn to_discard(
        &self,
        which: (&str, u32),
        filter: &LetterFilter,
    ) -> Result<Lost, ProjectorError> {
        let (mut at, mut forwards) = (None, Forwards::default());
        let (mut lost, mut keys) = (Lost::default(), HashSet::new());
        let take = |place: Place, head: Head| {
            if at.as_ref() != Some(&place) {
                (at, forwards) = (Some(place.clone()), Forwards::default());
            }
            lost.discard.behind += u64::from(forwards.is_behind(&head));
            if head.wanted {
                lost.discard.letters += 1;
                keys.extend(Forwards::keys(&head).map(|key| (place.clone(), key)));
                let numbers = lost.numbers.entry(place).or_default();
                numbers.push(head.sequence as i64);
            }
        };
        self.heads(which, filter, "ASC", take).await?;
        lost.discard.keys = keys.len() as u64;
        lost.discard.topics = topics(&lost.numbers);
        Ok(lost)
    }
}

//! The dead letters of the simulated store: written, changed and taken away by its transactions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use factum_projector::ProjectorError;
use factum_projector::simulation::{Ask as Asked, DeadLetters, Head, Letter, Parked};

use crate::session::Session;
use crate::shadow::Place;
use crate::store::{Ask, Told};

/// The letters that are there.
#[derive(Default)]
pub(crate) struct Letters {
    letters: BTreeMap<Place, (Letter, Option<Asked>)>,
    /// How often somebody asked for a replay.
    asks: u64,
}

/// What a transaction does to them.
#[derive(Clone, Default)]
pub(crate) struct LetterChanges {
    pub parked: BTreeMap<Place, Letter>,
    pub removed: BTreeSet<Place>,
    /// Letters that stay, with their errors; and the replays whose marks they lose.
    pub kept: Vec<(Place, Option<String>, Vec<Asked>)>,
}

impl Letters {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.letters.len()
    }

    /// Marks all letters, or those of a partition.
    pub(crate) fn mark(&mut self, partition: Option<u32>) {
        self.asks += 1;
        let ask = Asked::UNIX_EPOCH + Duration::from_secs(self.asks);
        for ((at, _), (_, mark)) in &mut self.letters {
            if partition.is_none_or(|partition| partition == *at) {
                *mark = Some(ask);
            }
        }
    }

    pub(crate) fn commit(&mut self, changes: LetterChanges) {
        for place in changes.removed {
            self.letters.remove(&place);
        }
        for (place, error, asks) in changes.kept {
            let Some((letter, mark)) = self.letters.get_mut(&place) else {
                continue;
            };
            *mark = mark.filter(|mark| !asks.contains(mark));
            letter.attempts += u32::from(error.is_some());
            letter.error = error.or(letter.error.take());
        }
        let parked = changes.parked.into_iter();
        self.letters
            .extend(parked.map(|(place, letter)| (place, (letter, None))));
    }

    fn of(&self, partition: u32) -> impl Iterator<Item = (&Letter, &Option<Asked>)> {
        let of = (partition, 0)..(partition + 1, 0);
        self.letters
            .range(of)
            .map(|(_, (letter, mark))| (letter, mark))
    }

    pub(crate) fn count(&self, partitions: &[u32]) -> u64 {
        let of = partitions.iter().flat_map(|partition| self.of(*partition));
        of.count() as u64
    }

    pub(crate) fn asks(&self, partition: u32) -> Vec<Asked> {
        let marks: BTreeSet<Asked> = self.of(partition).filter_map(|(_, mark)| *mark).collect();
        marks.into_iter().collect()
    }

    pub(crate) fn parked(&self, partitions: &[u32]) -> Parked {
        let of = || partitions.iter().flat_map(|partition| self.of(*partition));
        let mut parked = Parked::of_letters(of().map(|(letter, _)| letter));
        if of().any(|(_, mark)| mark.is_some()) {
            parked.ask();
        }
        parked
    }

    pub(crate) fn heads(
        &self,
        partition: u32,
        asks: &[Asked],
        after: u64,
        limit: usize,
    ) -> Vec<Head> {
        let behind = self
            .of(partition)
            .filter(|(letter, _)| letter.sequence > after);
        let head = |(letter, mark): (&Letter, &Option<Asked>)| Head {
            sequence: letter.sequence,
            aggregate: letter.aggregate.clone(),
            keys: letter.keys.clone(),
            wanted: mark.is_some_and(|mark| asks.contains(&mark)),
            bytes: letter.record.header.len() + letter.record.value.len(),
        };
        behind.take(limit).map(head).collect()
    }

    pub(crate) fn read(&self, partition: u32, sequences: &[u64]) -> Vec<Letter> {
        let of = self.of(partition).map(|(letter, _)| letter);
        of.filter(|letter| sequences.contains(&letter.sequence))
            .cloned()
            .collect()
    }
}

#[async_trait]
impl DeadLetters for Session {
    async fn parked(&self, partitions: &[u32]) -> Result<Parked, ProjectorError> {
        match self.ask(Ask::Parked(partitions.to_vec())).await? {
            Told::Parked(parked) => Ok(parked),
            told => unreachable!("{told:?}"),
        }
    }

    async fn asked(&self) {
        self.heard.notified().await;
    }

    async fn count(&self, partitions: &[u32]) -> Result<u64, ProjectorError> {
        match self.ask(Ask::Count(partitions.to_vec())).await? {
            Told::Count(count) => Ok(count),
            told => unreachable!("{told:?}"),
        }
    }

    async fn park(&self, letters: &[Letter]) -> Result<(), ProjectorError> {
        self.do_it(Ask::Park(letters.to_vec())).await
    }

    async fn asks(&self, partition: u32) -> Result<Vec<Asked>, ProjectorError> {
        match self.ask(Ask::Asks(partition)).await? {
            Told::Asks(asks) => Ok(asks),
            told => unreachable!("{told:?}"),
        }
    }

    async fn heads(
        &self,
        (partition, asks): (u32, &[Asked]),
        after: u64,
        limit: usize,
    ) -> Result<Vec<Head>, ProjectorError> {
        let ask = Ask::Heads(partition, asks.to_vec(), after, limit);
        match self.ask(ask).await? {
            Told::Heads(heads) => Ok(heads),
            told => unreachable!("{told:?}"),
        }
    }

    async fn read(&self, partition: u32, sequences: &[u64]) -> Result<Vec<Letter>, ProjectorError> {
        match self.ask(Ask::Read(partition, sequences.to_vec())).await? {
            Told::Letters(letters) => Ok(letters),
            told => unreachable!("{told:?}"),
        }
    }

    async fn remove(&self, partition: u32, sequences: &[u64]) -> Result<(), ProjectorError> {
        self.do_it(Ask::Remove(partition, sequences.to_vec())).await
    }

    async fn keep(
        &self,
        (partition, asks): (u32, &[Asked]),
        stay: &[(u64, Option<String>)],
    ) -> Result<(), ProjectorError> {
        self.do_it(Ask::Keep(partition, asks.to_vec(), stay.to_vec()))
            .await
    }

    async fn begin_part(&self) -> Result<(), ProjectorError> {
        self.do_it(Ask::BeginPart).await
    }

    async fn end_part(&self) -> Result<(), ProjectorError> {
        self.do_it(Ask::EndPart).await
    }

    async fn undo_part(&self) -> Result<(), ProjectorError> {
        self.do_it(Ask::UndoPart).await
    }
}

//! Transactions that find out what fails, and park it; and those that replay what was parked.

use std::collections::BTreeMap;

use factum_core::{Recorded, chain};

use crate::batch::{Batch, Move};
use crate::divert::{divert, keys_of, lanes_of, letter};
use crate::letter::{Ask, Letter, storable};
use crate::parked::{Lanes, Parked};
use crate::replay::Page;
use crate::sources::partition_in;
use crate::write::{Parking, Writer, Written};
use crate::{Projection, ProjectorError, Row};

/// What a replayed letter was, and where it belongs.
type Replayed<E> = (Recorded<E>, Lanes);

/// Letters that stay, each with its error if it failed again.
type Staying = Vec<(u64, Option<String>)>;

/// Whose fault the failure of a batch is.
#[derive(Debug)]
pub(crate) enum Culprit {
    /// That of the event with this index, for this reason.
    Event(usize, ProjectorError),
    /// No event fails when they are tried piece by piece.
    None,
    /// It was not sought: somebody has moved positions or taken dead letters away since.
    Unsought(Written),
}

/// On which terms a worker parks.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// The partitions that it owns.
    pub partitions: &'a [u32],
    /// How often what failed was tried by now.
    pub attempts: u32,
    /// How many keys may be parked.
    pub limit: usize,
}

impl Terms<'_> {
    /// Refuses to park more than may be.
    pub(crate) fn check<P: Projection>(&self, parked: &Parked) -> Result<(), ProjectorError> {
        let (keys, limit) = (parked.keys(), self.limit);
        if keys <= limit {
            return Ok(());
        }
        Err(ProjectorError::TooManyParked {
            projection: P::NAME,
            keys,
            limit,
        })
    }
}

impl<R: Row> Writer<R> {
    /// Finds out which event of a batch is the first that fails. Nothing is written.
    pub(crate) async fn culprit<P: Projection<Row = R>>(
        &self,
        projection: &P,
        batch: &Batch<P::Event>,
        parking: Parking<'_>,
    ) -> Result<Culprit, ProjectorError> {
        self.session.roll_back().await?;
        if let Some(undone) = self.begin(&batch.moves, parking).await? {
            return Ok(Culprit::Unsought(undone));
        }
        let first = self.first_failure(projection, &batch.events).await?;
        self.session.roll_back().await?;
        Ok(first.map_or(Culprit::None, |(index, cause)| Culprit::Event(index, cause)))
    }

    /// Writes a batch of which something failed: narrows down what, parks that with what it holds back, and
    /// writes all the rest, in one transaction. `letters` were taken out of the batch before.
    pub(crate) async fn narrow<P: Projection<Row = R>>(
        &self,
        projection: &P,
        mut batch: Batch<P::Event>,
        mut letters: Vec<Letter>,
        parked: &mut Parked,
        terms: Terms<'_>,
    ) -> Result<Written, ProjectorError> {
        self.session.roll_back().await?;
        let attempts = terms.attempts;
        letters.extend(divert(projection, &mut batch, parked, Some(attempts)));
        let parking = Parking::new(terms.partitions, parked, &letters);
        if let Some(undone) = self.begin(&batch.moves, parking).await? {
            return Ok(undone);
        }
        let events = std::mem::take(&mut batch.events);
        let lanes = |event: &_| Ok(lanes_of(event, &keys_of(projection, event)?));
        let sifted = self.sift(projection, events, parked, lanes).await?;
        terms.check::<P>(parked)?;
        for aside in &sifted.aside {
            let failure = aside.error.as_ref().map(|error| (error, attempts));
            tell(&aside.event, failure);
            let keys = keys_of(projection, &aside.event)?;
            letters.push(letter(&batch, &aside.event, keys, failure));
        }
        self.park(&letters).await?;
        self.session.commit().await?;
        Ok(Written::Rows(sifted.rows))
    }

    /// Replays the letters of a page of one partition, which stands at a position and stays there: what
    /// can be applied is, and is gone. What fails stays, with what it holds back: `blocked` knows it then.
    pub(crate) async fn replay<P: Projection<Row = R>>(
        &self,
        projection: &P,
        topic: &str,
        (partition, stay, asks): (u32, Move, &[Ask]),
        page: &Page,
        blocked: &mut Parked,
    ) -> Result<Written, ProjectorError> {
        let moves = BTreeMap::from([(partition, stay)]);
        // Letters that others take away meanwhile are missed where they are read.
        if let Some(undone) = self.begin(&moves, Parking::NOTHING).await? {
            return Ok(undone);
        }
        let letters = self.session.read(partition, &page.replay).await?;
        if letters.len() != page.replay.len() {
            self.session.roll_back().await?;
            return Ok(Written::Unparked);
        }
        let mut staying: Staying = page.stay.iter().map(|at| (*at, None)).collect();
        let known = readable(projection, topic, &letters, page, blocked, &mut staying);
        let lanes: BTreeMap<u64, Lanes> = known
            .iter()
            .map(|(event, lanes)| (event.sequence, lanes.clone()))
            .collect();
        let events = known.into_iter().map(|(event, _)| event).collect();
        let lanes = |event: &Recorded<P::Event>| Ok(lanes[&event.sequence].clone());
        // What stays so far holds none of these back: only one that fails now does.
        let sifted = self
            .sift(projection, events, &mut Parked::default(), lanes)
            .await?;
        for aside in &sifted.aside {
            let error = aside.error.as_ref();
            let error = error.map(|error| storable(&chain(error)).into_owned());
            staying.push((aside.event.sequence, error));
        }
        let stays = |at: &u64| staying.iter().any(|(stays, _)| stays == at);
        let gone: Vec<u64> = page
            .replay
            .iter()
            .copied()
            .filter(|at| !stays(at))
            .collect();
        for letter in letters.iter().filter(|letter| stays(&letter.sequence)) {
            blocked.park(&letter.lanes());
        }
        page.hold_back(blocked);
        self.session.remove(partition, &gone).await?;
        self.session.keep((partition, asks), &staying).await?;
        self.session.commit().await?;
        tell_replayed(topic, partition, gone.len(), &staying);
        Ok(Written::Rows(sifted.rows))
    }
}

/// The letters that can be tried, with the lanes that they were parked in and those that they have by now.
/// All others stay: they cannot be read, or this build finds keys of theirs that a letter before them holds, one of
/// the page or one that is `blocked`.
fn readable<P: Projection>(
    projection: &P,
    topic: &str,
    letters: &[Letter],
    page: &Page,
    blocked: &Parked,
    staying: &mut Staying,
) -> Vec<Replayed<P::Event>> {
    let (mut readable, mut held) = (Vec::new(), Parked::default());
    let mut aside = page.aside.iter().peekable();
    for letter in letters {
        while let Some((_, lanes)) = aside.next_if(|(at, _)| *at < letter.sequence) {
            held.park(lanes);
        }
        match read(projection, topic, letter) {
            Ok((_, lanes)) if blocked.holds_back(&lanes) || held.holds_back(&lanes) => {
                held.park(&lanes);
                staying.push((letter.sequence, None));
            }
            Ok(replayed) => readable.push(replayed),
            Err(error) => {
                held.park(&letter.lanes());
                let error = storable(&chain(&error)).into_owned();
                staying.push((letter.sequence, Some(error)));
            }
        }
    }
    readable
}

fn read<P: Projection>(
    projection: &P,
    topic: &str,
    letter: &Letter,
) -> Result<Replayed<P::Event>, ProjectorError> {
    let event = crate::caught::caught(|| letter.decode(topic))??;
    let keys = keys_of(projection, &event)?;
    let lanes = letter.lanes().and(lanes_of(&event, &keys));
    Ok((event, lanes))
}

/// Logs how a replay ended; letters that stay without an error are behind others.
fn tell_replayed(topic: &str, slot: u32, replayed: usize, staying: &Staying) {
    let partition = partition_in(slot);
    let stay = staying.len();
    if stay == 0 {
        tracing::info!(topic, partition, replayed, stay, "replayed dead letters");
        return;
    }
    let failed = staying
        .iter()
        .filter_map(|(at, error)| Some((at, error.as_deref()?)));
    let error = failed.min_by_key(|(at, _)| *at).map(|(_, error)| error);
    tracing::warn!(
        topic,
        partition,
        replayed,
        stay,
        error,
        "dead letters stay after a replay: the first error is told"
    );
}

fn tell<E>(event: &Recorded<E>, failure: Option<(&ProjectorError, u32)>) {
    let Recorded {
        partition,
        sequence,
        id,
        ..
    } = event;
    if let Some((error, attempts)) = failure {
        let error = chain(error);
        tracing::warn!(
            partition,
            sequence,
            id,
            attempts,
            error,
            "parked an event, and every later one of its keys"
        );
    }
}

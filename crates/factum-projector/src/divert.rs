//! Taking out of a batch what goes to the dead letters: events that cannot be read, and events behind parked ones.

use factum_core::{Recorded, chain};

use crate::batch::Batch;
use crate::caught::caught;
use crate::events::slot_of;
use crate::letter::{Letter, storable};
use crate::parked::{Lanes, Parked};
use crate::projection::Rows;
use crate::{Events, Projection, ProjectorError};

/// Takes out of a batch what cannot be decoded, and what is held back by that or by what is parked; where
/// something has failed so many times, also events whose keys cannot be told. Parks them, and returns their
/// letters.
pub(crate) fn divert<P: Projection>(
    projection: &P,
    batch: &mut Batch<P::Event>,
    parked: &mut Parked,
    failed: Option<u32>,
) -> Vec<Letter> {
    let mut letters = Vec::new();
    let all = failed.is_some();
    if !all && parked.is_empty() && batch.unreadable.is_empty() {
        return letters;
    }
    let mut unreadable = std::mem::take(&mut batch.unreadable).into_iter().peekable();
    let mut park = |letter: Letter, parked: &mut Parked| {
        parked.park(&letter.lanes());
        letters.push(letter);
    };
    let mut kept = Vec::with_capacity(batch.events.len());
    for (at, event) in std::mem::take(&mut batch.events).into_iter().enumerate() {
        while let Some((_, letter)) = unreadable.next_if(|(before, _)| *before <= at) {
            park(letter, parked);
        }
        if !all && !parked.is_in(slot_of(&event)) {
            kept.push(event);
            continue;
        }
        match keys_of(projection, &event) {
            Ok(keys) if !parked.holds_back(&lanes_of(&event, &keys)) => kept.push(event),
            Ok(keys) => park(letter(batch, &event, keys, None), parked),
            Err(error) => {
                let failure = Some((&error, failed.unwrap_or(1)));
                park(letter(batch, &event, Vec::new(), failure), parked);
            }
        }
    }
    unreadable.for_each(|(_, letter)| park(letter, parked));
    batch.events = kept;
    letters
}

/// The keys that an event changes, as text.
///
/// # Errors
/// The projection's code panicked.
pub(crate) fn keys_of<P: Projection>(
    projection: &P,
    event: &Recorded<P::Event>,
) -> Result<Vec<String>, ProjectorError> {
    caught(|| {
        let mut rows = P::Rows::default();
        let touched = rows.touch(projection, std::slice::from_ref(event));
        let keys = rows.missing(&touched).into_iter();
        keys.map(|key| storable(&format!("{key:?}")).into_owned())
            .collect()
    })
}

/// Where an event with these keys belongs.
pub(crate) fn lanes_of<E: Events>(event: &Recorded<E>, keys: &[String]) -> Lanes {
    Lanes::new(slot_of(event), &storable(&event.id), keys)
}

/// The letter of an event, with its error and how often it failed.
pub(crate) fn letter<E: Events>(
    batch: &Batch<E>,
    event: &Recorded<E>,
    keys: Vec<String>,
    failure: Option<(&ProjectorError, u32)>,
) -> Letter {
    let slot = slot_of(event);
    Letter {
        partition: slot,
        sequence: event.sequence,
        offset: event.offset,
        aggregate: storable(&event.id).into_owned(),
        version: event.version,
        event: Some(event.event.event_name().to_owned()),
        keys,
        record: batch.record(slot, event.offset),
        error: failure.map(|(error, _)| storable(&chain(error)).into_owned()),
        attempts: failure.map_or(0, |(_, attempts)| attempts),
    }
}

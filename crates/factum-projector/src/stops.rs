//! Events at which a worker is to stop, once everything before them is written.
//!
//! Which event of a batch fails is found in a transaction that is undone. The worker then goes on in a new session,
//! whose feed ends before that event: so everything before it is written as it always is, and the position stands
//! right before its commit when the worker stops. A crash in between changes nothing: the next worker finds the
//! event again.

use std::collections::BTreeMap;

use factum_core::{Offset, Recorded};

use crate::events::slot_of;
use crate::sources::Sources;
use crate::{Events, Projection, ProjectorError};

/// At most one event of each partition, by its slot.
#[derive(Default)]
pub(crate) struct Stops(BTreeMap<u32, Stop>);

struct Stop {
    offset: Offset,
    error: ProjectorError,
}

impl Stops {
    /// Notes an event that cannot be applied, and why. One that is noted of its partition lies behind it, for no feed
    /// goes past that; or an operator has moved the position past it.
    pub(crate) fn add<P: Projection>(
        &mut self,
        sources: &Sources,
        event: &Recorded<P::Event>,
        cause: ProjectorError,
    ) {
        let stop = Stop {
            offset: event.offset,
            error: named::<P>(sources, event, cause),
        };
        self.0.insert(slot_of(event), stop);
    }

    /// The offset of each event.
    pub(crate) fn offsets(&self) -> BTreeMap<u32, Offset> {
        let offset = |(slot, stop): (&u32, &Stop)| (*slot, stop.offset);
        self.0.iter().map(offset).collect()
    }

    /// With which error the worker stops before the event of a partition.
    pub(crate) fn into_error(mut self, slot: u32) -> ProjectorError {
        let stop = self.0.remove(&slot);
        stop.expect("a feed ends only where it was told to").error
    }
}

/// The error that names the event which fails.
fn named<P: Projection>(
    sources: &Sources,
    event: &Recorded<P::Event>,
    cause: ProjectorError,
) -> ProjectorError {
    ProjectorError::Event {
        projection: P::NAME,
        event: event.event.event_name(),
        id: event.id.clone(),
        topic: sources.topic(slot_of(event)).name().to_owned(),
        partition: event.partition,
        offset: event.offset,
        sequence: event.sequence,
        source: Box::new(cause),
    }
}

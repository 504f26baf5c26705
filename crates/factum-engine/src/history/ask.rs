//! How callers ask for an aggregate's past.

use factum_core::{Aggregate, Event, Header, LogError, Recorded, ValidEvent, partition_of};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::{HistoryError, Kept, Lookup, NotHere, Run, Window};
use crate::Engine;
use crate::engine::Shared;
use crate::store::StoreError;

/// How many events are read at a time.
const PAGE: usize = 1000;

/// Some of an aggregate's events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryPage<E> {
    /// The events, in the order of their versions, without gaps.
    pub events: Vec<Recorded<E>>,
    /// The version from which to ask for more; `None` if there are none yet.
    pub next: Option<u64>,
}

/// A moment in an aggregate's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// After so many of its events; 0 is before the first one.
    Version(u64),
    /// After the last of its events whose time is not later. Clocks step, so that an event before that one may
    /// bear a later time: it counts all the same, for order is what versions say. Events of the same time
    /// count together.
    Time(Timestamp),
}

/// An aggregate as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Past<A> {
    /// How many events it had emitted.
    pub version: u64,
    /// When it had emitted the last of them; `None` before the first one.
    pub time: Option<Timestamp>,
    /// Its state.
    pub state: A,
}

impl<A: Aggregate> Engine<A> {
    /// All events of an aggregate, in order; none if it has none. All of them are in memory then: where they
    /// may be many, ask for [pages](Engine::history_page).
    ///
    /// Every event is told whose command was answered before the call, and none that is not a fact. It is
    /// read from the engine's [checkpoint](crate::CheckpointOptions::history), not from the log.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn history(&self, id: &str) -> Result<Vec<Recorded<A::Event>>, HistoryError> {
        let (mut events, mut from) = (Vec::new(), Some(1));
        while let Some(version) = from {
            let page = self.history_page(id, version, PAGE).await?;
            events.extend(page.events);
            from = page.next;
        }
        Ok(events)
    }

    /// Up to `limit` events of an aggregate from a version on, in order; the first event's version is 1.
    /// Fewer may come where they are large: a page ends behind 4 MiB. [`HistoryPage::next`] says where to
    /// go on.
    ///
    /// # Errors
    /// See [`HistoryError`].
    pub async fn history_page(
        &self,
        id: &str,
        from: u64,
        limit: usize,
    ) -> Result<HistoryPage<A::Event>, HistoryError> {
        let (from, limit) = (from.max(1), limit.max(1));
        let run = self.shared().look_up(id, Window { from, limit }).await?;
        let events = self.decode(id, from, &run.events)?;
        let next = run.more.then(|| from + events.len() as u64);
        Ok(HistoryPage { events, next })
    }

    /// An aggregate's state as it was: its events up to then, folded by its own
    /// [`apply`](Aggregate::apply). One that never emitted an event is at version 0, with the state that
    /// every aggregate begins with.
    ///
    /// # Errors
    /// See [`HistoryError`]: [`HistoryError::Beyond`] for a version that it has not reached.
    pub async fn state_at(&self, id: &str, at: At) -> Result<Past<A>, HistoryError> {
        let asked = match at {
            At::Version(version) => version,
            At::Time(time) => self.version_at(id, time).await?,
        };
        let mut past = Past {
            version: 0,
            time: None,
            state: A::default(),
        };
        while past.version < asked {
            let left = usize::try_from(asked - past.version).unwrap_or(PAGE);
            let page = self
                .history_page(id, past.version + 1, left.min(PAGE))
                .await?;
            if page.events.is_empty() {
                let (id, actual) = (id.to_owned(), past.version);
                return Err(HistoryError::Beyond { id, asked, actual });
            }
            page.events.iter().for_each(|event| past.take(event));
        }
        Ok(past)
    }

    /// The version of the last event that is not later.
    async fn version_at(&self, id: &str, time: Timestamp) -> Result<u64, HistoryError> {
        let (mut version, mut from) = (0, Some(1));
        while let Some(first) = from {
            let page = self.history_page(id, first, PAGE).await?;
            let not_later = page.events.iter().rfind(|event| event.time <= time);
            version = not_later.map_or(version, |event| event.version);
            from = page.next;
        }
        Ok(version)
    }

    fn decode(
        &self,
        id: &str,
        from: u64,
        kept: &[Kept],
    ) -> Result<Vec<Recorded<A::Event>>, HistoryError> {
        let (topic, partitions) = (self.shared().topic.name(), self.shared().topic.partitions());
        let partition = partition_of(id.as_bytes(), partitions);
        let recorded = (from..).zip(kept).map(|(version, kept)| {
            let event = recorded(topic, partition, id, kept)
                .map_err(|error| self.shared().unreadable(id, error))?;
            match event {
                Some(event) if event.version == version && kept.version == version => Ok(event),
                _ => Err(self
                    .shared()
                    .unreadable(id, StoreError::Unfit("events are missing"))),
            }
        });
        recorded.collect()
    }
}

impl<A: Aggregate> Shared<A> {
    /// Has the owner of an aggregate tell some of its events.
    pub async fn look_up(&self, id: &str, window: Window) -> Result<Run, HistoryError> {
        let topic = self.topic.name().to_owned();
        let partition = partition_of(id.as_bytes(), self.topic.partitions());
        let not_owned = || HistoryError::NotOwned {
            topic: topic.clone(),
            partition,
        };
        let _turn = self.asking.turn().await;
        let way = self.way(partition, |ways| ways.lookups.clone());
        let owner = way.ok_or_else(not_owned)?;
        let (answer, answered) = oneshot::channel();
        let lookup = Lookup {
            id: id.to_owned(),
            window,
            answer,
        };
        owner.send(lookup).await.map_err(|_| not_owned())?;
        answered
            .await
            .map_err(|_| not_owned())?
            .map_err(|why| match why {
                NotHere::NotKept => HistoryError::NotKept { topic, partition },
                NotHere::Failed(error) => self.unreadable(id, error),
            })
    }

    fn unreadable(
        &self,
        id: &str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> HistoryError {
        let topic = &self.topic;
        HistoryError::Unreadable {
            topic: topic.name().to_owned(),
            partition: partition_of(id.as_bytes(), topic.partitions()),
            id: id.to_owned(),
            cause: cause.into(),
        }
    }
}

impl<A: Aggregate> Past<A> {
    fn take(&mut self, event: &Recorded<A::Event>) {
        self.state.apply(&event.event);
        (self.version, self.time) = (event.version, Some(event.time));
    }
}

/// The event that was kept; `None` if it is none.
fn recorded<E: Event>(
    topic: &str,
    partition: u32,
    id: &str,
    kept: &Kept,
) -> Result<Option<Recorded<E>>, LogError> {
    let Ok(Header::Event(header)) = Header::decode(&kept.header) else {
        return Ok(None);
    };
    let event = ValidEvent {
        partition,
        offset: kept.offset,
        key: id,
        header,
        value: &kept.value,
    };
    Recorded::decode(topic, &event).map(Some)
}

//! Given these events, when those happen, then the read model has these rows.

use std::fmt::Debug;

use factum_core::{Recorded, partition_of};
use factum_projector::{Events, IntoProjection, Projection, Row, fold_events, keys_of};
use uuid::Uuid;

/// How many partitions the imagined topic has.
const PARTITIONS: u32 = 8;

/// A projection to be tested, without a log or a database.
///
/// Events are pairs of the aggregate's id and what happened to it. They are recorded a second
/// apart, from 1970-01-01 00:00:01 UTC on.
///
/// ```
/// # use factum_testkit::doctest::{Burning, Lamps, LightEvent::*};
/// use factum_testkit::projection;
///
/// projection(Lamps)
///     .given([("hall", TurnedOn), ("attic", TurnedOn)])
///     .when([("hall", TurnedOff)])
///     .then([Burning { lamp: "attic".into(), times: 1 }]);
/// ```
pub fn projection<Kind, P: Projection>(
    projection: impl IntoProjection<Kind, Projection = P>,
) -> Projected<P> {
    Projected {
        projection: projection.into_projection(),
        events: Vec::new(),
    }
}

/// A projection with the events that it has seen.
#[must_use = "go on with `then`"]
pub struct Projected<P: Projection> {
    projection: P,
    events: Vec<Recorded<P::Event>>,
}

impl<P: Projection> Projected<P> {
    /// Adds events that have happened.
    pub fn given<Id: Into<String>>(
        mut self,
        events: impl IntoIterator<Item = (Id, P::Event)>,
    ) -> Self {
        for (id, event) in events {
            let recorded = self.record(id.into(), event);
            self.events.push(recorded);
        }
        self
    }

    /// Adds the events that the test is about.
    pub fn when<Id: Into<String>>(self, events: impl IntoIterator<Item = (Id, P::Event)>) -> Self {
        self.given(events)
    }

    fn record(&self, id: String, event: P::Event) -> Recorded<P::Event> {
        let partition = partition_of(id.as_bytes(), PARTITIONS);
        let count = |of: &dyn Fn(&Recorded<P::Event>) -> bool| {
            self.events.iter().filter(|earlier| of(earlier)).count() as u64
        };
        let source = event.source();
        let of_topic = |earlier: &Recorded<P::Event>| earlier.event.source() == source;
        let sequence = count(&|it| of_topic(it) && it.partition == partition) + 1;
        Recorded {
            version: count(&|it| of_topic(it) && it.id == id) + 1,
            partition,
            offset: sequence,
            sequence,
            time: jiff::Timestamp::from_second(self.events.len() as i64 + 1)
                .expect("fewer events than seconds"),
            command: Uuid::from_u128(self.events.len() as u128 + 1),
            metadata: Default::default(),
            id,
            event,
        }
    }
}

impl<P: Projection> Projected<P>
where
    P::Row: Debug + PartialEq,
{
    /// Expects exactly these rows, in any order, or, where rows have no key, in theirs; and that it does
    /// not matter how the events are cut into batches.
    ///
    /// # Panics
    /// The rows are others, or depend on the batches.
    #[track_caller]
    pub fn then(self, rows: impl IntoIterator<Item = P::Row>) {
        let mut expected: Vec<_> = rows.into_iter().collect();
        expected.sort_by_key(Row::key);
        let one_by_one = self.rows_by(1);
        assert_eq!(
            one_by_one, expected,
            "other rows than expected (left: projected)"
        );
        let at_once = self.rows_by(self.events.len().max(1));
        assert_eq!(
            at_once, one_by_one,
            "the rows depend on the batches (left: in one batch)"
        );
    }

    /// The rows after batches of so many events, in the order of their keys.
    #[track_caller]
    fn rows_by(&self, batch: usize) -> Vec<P::Row> {
        let mut rows = Vec::new();
        for events in self.events.chunks(batch) {
            let keys = keys_of(&self.projection, events);
            let touched = |row: &P::Row| keys.binary_search(&row.key()).is_ok();
            let (loaded, others) = rows.into_iter().partition(touched);
            let folded = fold_events(&self.projection, events, loaded);
            let changes = folded.unwrap_or_else(|error| panic!("{error}"));
            rows = others;
            rows.extend(changes.insert.into_iter().chain(changes.update));
            rows.sort_by_key(Row::key);
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::projection;
    use crate::doctest::{Burning, Lamps, LightEvent::*};

    fn burning(lamp: &str, times: i64) -> Burning {
        Burning {
            lamp: lamp.into(),
            times,
        }
    }

    #[test]
    fn rows_are_folded_from_all_events() {
        projection(Lamps)
            .given([("hall", TurnedOn), ("attic", TurnedOn), ("attic", TurnedOn)])
            .when([("hall", TurnedOff)])
            .then([burning("attic", 2)]);
        projection(Lamps).given::<String>([]).then([]);
    }

    #[test]
    #[should_panic(expected = "other rows than expected")]
    fn other_rows_fail() {
        projection(Lamps)
            .given([("hall", TurnedOn)])
            .then([burning("hall", 2)]);
    }

    #[test]
    #[should_panic(expected = "other rows than expected")]
    fn a_row_too_many_fails() {
        projection(Lamps).given([("hall", TurnedOn)]).then([]);
    }
}

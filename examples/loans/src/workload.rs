//! The read model `workload`: what each of the bank's people did on a day.
//!
//! A row takes in events of many cases, from every partition, in no order that means anything: it
//! counts, and keeps the first and the last time, which comes to the same in any order.

use factum::jiff::Timestamp;
use factum::jiff::civil::Date;
use factum::jiff::tz::Offset;
use factum::{Fold, Recorded, Row};

use crate::work::WorkEvent;

/// Stands for whoever did work of which the log does not say who did it.
pub const UNKNOWN: &str = "(unknown)";

/// One person's work on one day.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "workload")]
pub struct WorkloadRow {
    /// Who; [`UNKNOWN`] where the log does not say.
    #[row(key)]
    pub resource: String,
    /// The day, in UTC.
    #[row(key)]
    pub day: Date,
    /// Pieces of work put on the list.
    pub scheduled: i32,
    /// Pieces of work begun or taken up again.
    pub started: i32,
    /// Pieces of work finished or laid aside.
    pub completed: i32,
    /// The day's first entry.
    pub first_at: Timestamp,
    /// The day's last entry.
    pub last_at: Timestamp,
}

/// Folds the events of all work into rows of a person and a day.
#[derive(Clone, Copy, Debug, Default)]
pub struct Workload;

impl Workload {
    /// Creates the table.
    pub const TABLE_SQL: &str = include_str!("../sql/workload.sql");
}

/// The day on which a time falls, in UTC.
///
/// The bank's own days begin an hour or two earlier. An event keeps an instant, not the place it
/// was seen from, and the office is closed at midnight.
pub fn day(time: Timestamp) -> Date {
    Offset::UTC.to_datetime(time).date()
}

/// The name under which a resource's work is counted.
pub fn worker(resource: Option<&str>) -> &str {
    resource.unwrap_or(UNKNOWN)
}

impl Fold for Workload {
    type Event = WorkEvent;
    type Row = WorkloadRow;
    const NAME: &'static str = "workload";

    fn key(&self, recorded: &Recorded<WorkEvent>) -> Option<(String, Date)> {
        let event = &recorded.event;
        Some((worker(event.resource()).to_owned(), day(event.time())))
    }

    fn fold(
        &self,
        row: Option<WorkloadRow>,
        recorded: &Recorded<WorkEvent>,
    ) -> Option<WorkloadRow> {
        let event = &recorded.event;
        let mut row = row.unwrap_or_else(|| WorkloadRow::new(event));
        match event {
            WorkEvent::Scheduled(_) => row.scheduled += 1,
            WorkEvent::Started(_) => row.started += 1,
            WorkEvent::Completed(_) => row.completed += 1,
        }
        row.first_at = row.first_at.min(event.time());
        row.last_at = row.last_at.max(event.time());
        Some(row)
    }
}

impl WorkloadRow {
    fn new(event: &WorkEvent) -> Self {
        Self {
            resource: worker(event.resource()).to_owned(),
            day: day(event.time()),
            scheduled: 0,
            started: 0,
            completed: 0,
            first_at: event.time(),
            last_at: event.time(),
        }
    }
}

#[cfg(test)]
mod tests {
    use factum::uuid::Uuid;

    use super::*;
    use crate::work::{Activity, Completed, Scheduled, Started};

    fn recorded(event: WorkEvent) -> Recorded<WorkEvent> {
        Recorded {
            id: "1".to_owned(),
            partition: 0,
            offset: 0,
            sequence: 1,
            version: 1,
            time: Timestamp::UNIX_EPOCH,
            command: Uuid::nil(),
            metadata: Default::default(),
            event,
        }
    }

    macro_rules! event {
        ($name:ident, $second:expr) => {
            recorded(WorkEvent::$name($name {
                entry: 1,
                time: Timestamp::from_second($second).unwrap(),
                resource: None,
                activity: Activity::HandleLead,
            }))
        };
    }

    #[test]
    fn events_in_any_order_make_the_same_row() {
        let mut events = [
            event!(Started, 30),
            event!(Scheduled, 10),
            event!(Completed, 20),
        ];
        let fold = |events: &[_]| {
            events
                .iter()
                .fold(None, |row, event| Workload.fold(row, event))
        };
        let row = fold(&events).unwrap();
        assert_eq!((row.scheduled, row.started, row.completed), (1, 1, 1));
        assert_eq!(
            (row.first_at.as_second(), row.last_at.as_second()),
            (10, 30)
        );
        for _ in 0..events.len() {
            events.rotate_left(1);
            assert_eq!(fold(&events), Some(row.clone()));
        }
        events.reverse();
        assert_eq!(fold(&events), Some(row));
    }

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let midnight = "2011-10-02T02:00:00+02:00".parse().unwrap();
        assert_eq!(day(midnight).to_string(), "2011-10-02");
        let before = "2011-10-02T01:59:59.999+02:00".parse().unwrap();
        assert_eq!(day(before).to_string(), "2011-10-01");
    }
}

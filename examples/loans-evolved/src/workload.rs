//! The workload of the loans example, from today's events.

use factum::{Fold, Recorded, Row};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::work::WorkEvent;

/// One person's work on one day, as in the loans example.
#[derive(Clone, Debug, Row)]
#[row(table = "workload")]
pub struct WorkloadRow {
    #[row(key)]
    resource: String,
    #[row(key)]
    day: Date,
    scheduled: i32,
    started: i32,
    completed: i32,
    first_at: Timestamp,
    last_at: Timestamp,
}

/// Folds the events of all work into rows of a person and a day.
#[derive(Clone, Copy, Debug)]
pub struct Workload;

impl Fold for Workload {
    type Event = WorkEvent;
    type Row = WorkloadRow;
    const NAME: &'static str = "workload";

    fn key(&self, recorded: &Recorded<WorkEvent>) -> Option<(String, Date)> {
        let event = &recorded.event;
        let day = Offset::UTC.to_datetime(event.time()).date();
        Some((event.worker().unwrap_or("(unknown)").to_owned(), day))
    }

    fn fold(
        &self,
        row: Option<WorkloadRow>,
        recorded: &Recorded<WorkEvent>,
    ) -> Option<WorkloadRow> {
        let time = recorded.event.time();
        let mut row = match row {
            Some(row) => row,
            None => {
                let (resource, day) = self.key(recorded)?;
                WorkloadRow::new(resource, day, time)
            }
        };
        match recorded.event {
            WorkEvent::Scheduled(_) => row.scheduled += 1,
            WorkEvent::Started(_) => row.started += 1,
            WorkEvent::Completed(_) => row.completed += 1,
        }
        row.first_at = row.first_at.min(time);
        row.last_at = row.last_at.max(time);
        Some(row)
    }
}

impl WorkloadRow {
    fn new(resource: String, day: Date, time: Timestamp) -> Self {
        Self {
            resource,
            day,
            scheduled: 0,
            started: 0,
            completed: 0,
            first_at: time,
            last_at: time,
        }
    }
}

//! The read model `activity`: what happened, line by line, for audits and for a feed.

use factum::jiff::Timestamp;
use factum::{Append, Event, Recorded, Row};

use crate::loan::LoanEvent;

/// One event. Nothing looks it up, so it has no key.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "activity")]
pub struct ActivityRow {
    /// The partition that the event is in.
    pub partition: i32,
    /// Its number there: readers go by it.
    pub sequence: i64,
    /// The case's name in the bank's log.
    pub case_id: String,
    /// What happened, for example `Preaccepted`.
    pub what: String,
    /// Who did it, where the log says so.
    pub who: Option<String>,
    /// When it happened.
    pub at: Timestamp,
}

/// Writes a line for each event of an application and its offers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity;

impl Activity {
    /// Creates the table.
    pub const TABLE_SQL: &str = include_str!("../sql/activity.sql");
}

impl Append for Activity {
    type Event = LoanEvent;
    type Row = ActivityRow;
    const NAME: &'static str = "activity";

    fn rows(&self, recorded: &Recorded<LoanEvent>) -> impl IntoIterator<Item = ActivityRow> {
        let event = &recorded.event;
        [ActivityRow {
            partition: recorded.partition as i32,
            sequence: recorded.sequence as i64,
            case_id: recorded.id.clone(),
            what: event.name().to_owned(),
            who: event.resource().map(str::to_owned),
            at: event.time(),
        }]
    }
}

//! The board of the loans example, from today's events.

use factum::{Event, Fold, Recorded, Row};
use jiff::Timestamp;

use crate::LoanEvent;

/// One application, as in the loans example.
#[derive(Clone, Debug, Row)]
#[row(table = "loan_board")]
pub struct BoardRow {
    #[row(key)]
    case_id: String,
    state: String,
    outcome: String,
    amount: i64,
    offers: i32,
    events: i32,
    resources: Vec<String>,
    submitted_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
}

/// Folds the events of a loan into its row.
#[derive(Clone, Copy, Debug)]
pub struct Board;

impl Fold for Board {
    type Event = LoanEvent;
    type Row = BoardRow;
    const NAME: &'static str = "loan_board";

    fn key(&self, event: &Recorded<LoanEvent>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<BoardRow>, recorded: &Recorded<LoanEvent>) -> Option<BoardRow> {
        let event = &recorded.event;
        let (time, resource) = happened(event);
        let mut row = row.unwrap_or_else(|| BoardRow::new(&recorded.id, time));
        row.events += 1;
        row.updated_at = time;
        row.resources
            .extend(resource.filter(|it| !row.resources.contains(it)));
        match event {
            LoanEvent::Submitted(submitted) => row.amount = submitted.amount_cents / 100,
            LoanEvent::OfferCreated(_) => row.offers += 1,
            _ => {}
        }
        if !event.name().starts_with("Offer") {
            event.name().clone_into(&mut row.state);
        }
        row.ends(event, time);
        Some(row)
    }
}

impl BoardRow {
    fn new(case: &str, time: Timestamp) -> Self {
        Self {
            case_id: case.to_owned(),
            state: String::new(),
            outcome: "open".to_owned(),
            amount: 0,
            offers: 0,
            events: 0,
            resources: Vec::new(),
            submitted_at: time,
            updated_at: time,
            ended_at: None,
        }
    }

    /// Of several outcomes, the first of these holds.
    fn ends(&mut self, event: &LoanEvent, time: Timestamp) {
        const OUTCOMES: [&str; 4] = ["activated", "declined", "cancelled", "open"];
        let rank = |outcome: &str| OUTCOMES.iter().position(|known| *known == outcome);
        let outcome = event.name().to_lowercase();
        if rank(&outcome).is_some_and(|new| Some(new) < rank(&self.outcome)) {
            (self.outcome, self.ended_at) = (outcome, Some(time));
        }
    }
}

/// When something happened, and who did it.
fn happened(event: &LoanEvent) -> (Timestamp, Option<String>) {
    macro_rules! alike {
        ($($name:ident)*) => {
            match event {
                LoanEvent::Submitted(it) => (it.submitted_at, &it.resource),
                LoanEvent::Cancelled(it) => (it.time, &it.cancelled_by),
                $(LoanEvent::$name(it) => (it.time, &it.resource),)*
            }
        };
    }
    let (time, resource) = alike!(
        Received Preaccepted Accepted Finalized Approved Registered Activated Declined
        OfferSelected OfferCreated OfferSent OfferSentBack OfferAccepted OfferDeclined OfferCancelled
    );
    (time, resource.clone())
}

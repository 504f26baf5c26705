//! The read model `loan_board`: every application at a glance.

use factum::jiff::Timestamp;
use factum::{Event, Fold, Recorded, Row};

use crate::loan::LoanEvent;

/// One application.
#[derive(Clone, Debug, PartialEq, Eq, Row)]
#[row(table = "loan_board")]
pub struct LoanRow {
    /// The case's name in the bank's log.
    #[row(key)]
    pub case_id: String,
    /// The application's last step, for example `Preaccepted`.
    pub state: String,
    /// `activated`, `declined`, `cancelled` or `open`, the first of them that holds.
    pub outcome: String,
    /// The amount asked for, in whole euros.
    pub amount: i64,
    /// How many offers were drawn up.
    pub offers: i32,
    /// How many steps the application and its offers took.
    pub events: i32,
    /// Who took them, in order of appearance.
    pub resources: Vec<String>,
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// When it took its last step.
    pub updated_at: Timestamp,
    /// When it took the step that made the outcome.
    pub ended_at: Option<Timestamp>,
}

/// Folds the events of a loan into its row.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoanBoard;

impl LoanBoard {
    /// Creates the table.
    pub const TABLE_SQL: &str = include_str!("../sql/loan_board.sql");
}

impl Fold for LoanBoard {
    type Event = LoanEvent;
    type Row = LoanRow;
    const NAME: &'static str = "loan_board";

    fn key(&self, event: &Recorded<LoanEvent>) -> Option<String> {
        Some(event.id.clone())
    }

    fn fold(&self, row: Option<LoanRow>, recorded: &Recorded<LoanEvent>) -> Option<LoanRow> {
        let event = &recorded.event;
        let mut row = row.unwrap_or_else(|| LoanRow::new(&recorded.id, event));
        row.events += 1;
        row.updated_at = event.time();
        row.took_part(event.resource());
        match event {
            LoanEvent::OfferCreated(_) => row.offers += 1,
            event if is_step(event) => row.state = event.name().to_owned(),
            _ => {}
        }
        if let Some(outcome) = outcome(event) {
            row.end(outcome, event.time());
        }
        Some(row)
    }
}

impl LoanRow {
    fn new(case: &str, first: &LoanEvent) -> Self {
        Self {
            case_id: case.to_owned(),
            state: first.name().to_owned(),
            outcome: "open".to_owned(),
            amount: match first {
                LoanEvent::Submitted(submitted) => submitted.amount,
                _ => 0,
            },
            offers: 0,
            events: 0,
            resources: Vec::new(),
            submitted_at: first.time(),
            updated_at: first.time(),
            ended_at: None,
        }
    }

    fn took_part(&mut self, resource: Option<&str>) {
        if let Some(resource) = resource
            && !self.resources.iter().any(|known| known == resource)
        {
            self.resources.push(resource.to_owned());
        }
    }

    fn end(&mut self, outcome: &str, at: Timestamp) {
        if weight(outcome) > weight(&self.outcome) {
            outcome.clone_into(&mut self.outcome);
            self.ended_at = Some(at);
        }
    }
}

/// Whether the application took a step, not one of its offers.
fn is_step(event: &LoanEvent) -> bool {
    !event.name().starts_with("Offer")
}

fn outcome(event: &LoanEvent) -> Option<&'static str> {
    match event {
        LoanEvent::Activated(_) => Some("activated"),
        LoanEvent::Declined(_) => Some("declined"),
        LoanEvent::Cancelled(_) => Some("cancelled"),
        _ => None,
    }
}

/// Of two outcomes, the heavier one holds.
fn weight(outcome: &str) -> u8 {
    match outcome {
        "activated" => 3,
        "declined" => 2,
        "cancelled" => 1,
        _ => 0,
    }
}

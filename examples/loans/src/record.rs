//! From an entry of a bank's log to the event that it tells of.

use std::fmt;

use crate::case::{Case, Entry, Transition};
use crate::loan::{self, LoanEvent};
use crate::work::{self, Activity, WorkEvent};

/// What an entry tells of.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// Something happened to the application or one of its offers.
    Loan(LoanEvent),
    /// Something happened to the work on the application.
    Work(WorkEvent),
}

/// An entry that this process does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    activity: String,
    transition: Transition,
}

/// Reads the entry with this number, from 1, of a case.
///
/// # Errors
/// The process has no such activity, or the activity no such transition.
pub fn fact(case: &Case, number: i64, entry: &Entry) -> Result<Fact, Unknown> {
    loan_event(case, number, entry)
        .map(Fact::Loan)
        .or_else(|| work_event(number, entry).map(Fact::Work))
        .ok_or_else(|| Unknown {
            activity: entry.activity.clone(),
            transition: entry.transition.clone(),
        })
}

fn loan_event(case: &Case, number: i64, entry: &Entry) -> Option<LoanEvent> {
    if entry.transition != Transition::Complete {
        return None;
    }
    macro_rules! event {
        ($name:ident $(, $field:ident: $value:expr)?) => {
            LoanEvent::$name(loan::$name {
                entry: number,
                time: entry.time,
                resource: entry.resource.clone(),
                $($field: $value)?
            })
        };
    }
    Some(match entry.activity.as_str() {
        "A_SUBMITTED" => event!(Submitted, amount: case.amount),
        "A_PARTLYSUBMITTED" => event!(PartlySubmitted),
        "A_PREACCEPTED" => event!(Preaccepted),
        "A_ACCEPTED" => event!(Accepted),
        "A_FINALIZED" => event!(Finalized),
        "A_APPROVED" => event!(Approved),
        "A_REGISTERED" => event!(Registered),
        "A_ACTIVATED" => event!(Activated),
        "A_DECLINED" => event!(Declined),
        "A_CANCELLED" => event!(Cancelled),
        "O_SELECTED" => event!(OfferSelected),
        "O_CREATED" => event!(OfferCreated),
        "O_SENT" => event!(OfferSent),
        "O_SENT_BACK" => event!(OfferSentBack),
        "O_ACCEPTED" => event!(OfferAccepted),
        "O_DECLINED" => event!(OfferDeclined),
        "O_CANCELLED" => event!(OfferCancelled),
        _ => return None,
    })
}

fn work_event(number: i64, entry: &Entry) -> Option<WorkEvent> {
    let activity = activity(&entry.activity)?;
    macro_rules! event {
        ($name:ident) => {
            WorkEvent::$name(work::$name {
                entry: number,
                time: entry.time,
                resource: entry.resource.clone(),
                activity,
            })
        };
    }
    match entry.transition {
        Transition::Schedule => Some(event!(Scheduled)),
        Transition::Start => Some(event!(Started)),
        Transition::Complete => Some(event!(Completed)),
        Transition::Other(_) => None,
    }
}

/// The bank's names for its work are Dutch.
fn activity(name: &str) -> Option<Activity> {
    Some(match name {
        "W_Afhandelen leads" => Activity::HandleLead,
        "W_Beoordelen fraude" => Activity::AssessFraud,
        "W_Completeren aanvraag" => Activity::CompleteApplication,
        "W_Nabellen offertes" => Activity::CallAboutOffer,
        "W_Valideren aanvraag" => Activity::ValidateApplication,
        "W_Nabellen incomplete dossiers" => Activity::CallAboutDossier,
        "W_Wijzigen contractgegevens" => Activity::ChangeContract,
        _ => return None,
    })
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "this process has no `{}` with the transition `{}`",
            self.activity,
            self.transition.as_str()
        )
    }
}

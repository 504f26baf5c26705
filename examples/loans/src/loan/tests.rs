//! What may happen to a loan, rule by rule.

use factum::jiff::Timestamp;
use factum_testkit::given;

use super::LoanRejection::{self as No};
use super::{Loan, LoanEvent, RecordLoan};
use crate::Misplaced;
use crate::case::{Case, Entry, Transition};
use crate::record::{Fact, fact};

const START: &str = "A_SUBMITTED A_PARTLYSUBMITTED";
const FINAL: &str = "A_SUBMITTED A_PARTLYSUBMITTED A_PREACCEPTED A_ACCEPTED O_SELECTED A_FINALIZED";
const SENT: &str = "A_SUBMITTED A_PARTLYSUBMITTED A_PREACCEPTED A_ACCEPTED O_SELECTED A_FINALIZED \
                    O_CREATED O_SENT";

fn event(number: i64, activity: &str) -> LoanEvent {
    event_at(number, activity, number)
}

fn event_at(number: i64, activity: &str, second: i64) -> LoanEvent {
    let entry = Entry {
        activity: activity.to_owned(),
        transition: Transition::Complete,
        resource: Some("112".to_owned()),
        time: Timestamp::from_second(second).unwrap(),
        line: None,
    };
    let case = Case {
        name: "1".to_owned(),
        amount: 20_000,
        entries: Vec::new(),
    };
    match fact(&case, number, &entry) {
        Ok(Fact::Loan(event)) => event,
        other => panic!("{activity} is {other:?}"),
    }
}

fn events(activities: &str) -> Vec<LoanEvent> {
    let numbered = (1..).zip(activities.split_whitespace());
    numbered
        .map(|(number, activity)| event(number, activity))
        .collect()
}

/// After these entries, the next one is recorded.
#[track_caller]
fn recorded(before: &str, next: &str) {
    let before = events(before);
    let next = event(before.len() as i64 + 1, next);
    given::<Loan>(before)
        .when(RecordLoan(next.clone()))
        .then([next]);
}

/// After these entries, the next one is rejected.
#[track_caller]
fn rejected(before: &str, next: &str, why: No) {
    let before = events(before);
    let next = event(before.len() as i64 + 1, next);
    given::<Loan>(before)
        .when(RecordLoan(next))
        .then_rejected(why);
}

#[test]
fn an_application_takes_its_steps_in_order_each_once() {
    recorded("", "A_SUBMITTED");
    recorded("A_SUBMITTED", "A_PARTLYSUBMITTED");
    recorded(START, "A_PREACCEPTED");
    rejected("", "A_PARTLYSUBMITTED", No::OutOfOrder);
    rejected(START, "A_SUBMITTED", No::OutOfOrder);
    rejected(START, "A_ACCEPTED", No::OutOfOrder);
    rejected(FINAL, "A_FINALIZED", No::OutOfOrder);
}

#[test]
fn an_application_ends_once() {
    recorded(START, "A_DECLINED");
    recorded(START, "A_CANCELLED");
    rejected("A_SUBMITTED", "A_DECLINED", No::TooEarly);
    for end in ["A_DECLINED", "A_CANCELLED"] {
        let ended = format!("{START} {end}");
        rejected(&ended, "A_DECLINED", No::Ended);
        rejected(&ended, "A_CANCELLED", No::Ended);
        rejected(&ended, "A_PREACCEPTED", No::Ended);
        rejected(&ended, "A_ACTIVATED", No::Ended);
        rejected(&ended, "O_SELECTED", No::Ended);
    }
}

#[test]
fn an_offer_is_selected_created_and_sent() {
    rejected(START, "O_SELECTED", No::TooEarly);
    rejected(START, "O_CREATED", No::NoSuchOffer);
    recorded(
        "A_SUBMITTED A_PARTLYSUBMITTED A_PREACCEPTED A_ACCEPTED",
        "O_SELECTED",
    );
    let selected = "A_SUBMITTED A_PARTLYSUBMITTED A_PREACCEPTED A_ACCEPTED O_SELECTED";
    rejected(selected, "O_CREATED", No::TooEarly);
    recorded(selected, "A_FINALIZED");
    recorded(FINAL, "O_CREATED");
    rejected(FINAL, "O_SENT", No::NoSuchOffer);
    rejected(FINAL, "O_SELECTED", No::OfferInPreparation);
    rejected(FINAL, "A_CANCELLED", No::OfferInPreparation);
    rejected(
        &format!("{FINAL} O_CREATED"),
        "O_SENT_BACK",
        No::OfferInPreparation,
    );
    rejected(
        &format!("{FINAL} O_CREATED"),
        "A_DECLINED",
        No::OfferInPreparation,
    );
}

#[test]
fn another_offer_is_created_once_the_first_is_cancelled() {
    recorded(SENT, "O_SELECTED");
    let next = format!("{SENT} O_SELECTED");
    rejected(&next, "O_CREATED", No::OfferOutstanding);
    recorded(&next, "O_CANCELLED");
    recorded(&format!("{next} O_CANCELLED"), "O_CREATED");
    recorded(&format!("{SENT} O_CANCELLED"), "O_SELECTED");
    rejected(
        &format!("{SENT} O_CANCELLED"),
        "O_CANCELLED",
        No::NoSuchOffer,
    );
}

#[test]
fn a_loan_is_granted_on_a_signed_offer_in_any_order() {
    let signed = format!("{SENT} O_SENT_BACK");
    rejected(SENT, "A_APPROVED", No::NothingSigned);
    rejected(SENT, "O_ACCEPTED", No::NothingSigned);
    rejected(&signed, "O_SENT_BACK", No::NoSuchOffer);
    let grants = ["A_APPROVED", "A_REGISTERED", "A_ACTIVATED", "O_ACCEPTED"];
    for turn in 0..grants.len() {
        let mut before = signed.clone();
        for step in 0..grants.len() {
            let next = grants[(turn + step) % grants.len()];
            recorded(&before, next);
            before = format!("{before} {next}");
        }
        rejected(&before, "A_APPROVED", No::Repeated);
        rejected(&before, "A_DECLINED", No::Granted);
        rejected(&before, "A_CANCELLED", No::Granted);
        rejected(&before, "O_SELECTED", No::Granted);
        rejected(&before, "O_ACCEPTED", No::NoSuchOffer);
        rejected(&before, "O_CANCELLED", No::Granted);
        rejected(&before, "O_DECLINED", No::Granted);
    }
    rejected(&format!("{signed} O_ACCEPTED"), "A_DECLINED", No::Granted);
    rejected(
        &format!("{signed} O_CANCELLED"),
        "A_ACTIVATED",
        No::NoSuchOffer,
    );
    rejected(START, "A_ACTIVATED", No::TooEarly);
}

#[test]
fn a_later_offer_needs_no_signature_of_its_own() {
    let again = format!("{SENT} O_SENT_BACK O_CANCELLED O_SELECTED O_CREATED O_SENT");
    recorded(&again, "O_ACCEPTED");
    recorded(&again, "A_APPROVED");
}

#[test]
fn an_offer_is_declined_with_the_application() {
    let declined = format!("{SENT} A_DECLINED");
    recorded(&declined, "O_DECLINED");
    rejected(&declined, "O_CANCELLED", No::Ended);
    rejected(
        &format!("{declined} O_DECLINED"),
        "O_DECLINED",
        No::NoSuchOffer,
    );
    let offer_first = format!("{SENT} O_DECLINED");
    recorded(&offer_first, "A_DECLINED");
    rejected(&offer_first, "A_CANCELLED", No::OfferDeclined);
    rejected(&offer_first, "A_APPROVED", No::OfferDeclined);
    rejected(&offer_first, "O_SELECTED", No::OfferDeclined);
}

#[test]
fn an_offer_is_cancelled_with_the_application() {
    let cancelled = format!("{SENT} A_CANCELLED");
    recorded(&cancelled, "O_CANCELLED");
    rejected(&cancelled, "O_DECLINED", No::Ended);
    rejected(&cancelled, "O_SENT_BACK", No::Ended);
    rejected(&cancelled, "O_ACCEPTED", No::Ended);
}

#[test]
fn an_entry_is_recorded_once() {
    let before = events(START);
    for known in before.clone() {
        given::<Loan>(before.clone())
            .when(RecordLoan(known))
            .then_nothing();
    }
}

#[test]
fn an_entry_out_of_its_turn_is_rejected() {
    let late = No::Misplaced(Misplaced::Late { newest: 3 });
    let before = [event(1, "A_SUBMITTED"), event(3, "A_PARTLYSUBMITTED")];
    given::<Loan>(before)
        .when(RecordLoan(event(2, "A_DECLINED")))
        .then_rejected(late);
    let newest = Timestamp::from_second(2).unwrap();
    let back = No::Misplaced(Misplaced::BackInTime { newest });
    given::<Loan>(events(START))
        .when(RecordLoan(event_at(3, "A_DECLINED", 1)))
        .then_rejected(back);
    given::<Loan>([])
        .when(RecordLoan(event(0, "A_SUBMITTED")))
        .then_rejected(No::Misplaced(Misplaced::NotNumbered));
}

//! What may happen to the work on an application, rule by rule.

use factum::jiff::Timestamp;
use factum_testkit::given;

use super::Activity::{
    AssessFraud, CallAboutDossier, CallAboutOffer, ChangeContract, CompleteApplication, HandleLead,
    ValidateApplication,
};
use super::WorkRejection::{self as No};
use super::{Activity, Completed, RecordWork, Scheduled, Started, Work, WorkEvent};

type Make = fn(Activity, i64) -> WorkEvent;

macro_rules! make {
    ($function:ident, $name:ident) => {
        fn $function(activity: Activity, entry: i64) -> WorkEvent {
            WorkEvent::$name($name {
                entry,
                time: Timestamp::from_second(entry).unwrap(),
                resource: None,
                activity,
            })
        }
    };
}

make!(scheduled, Scheduled);
make!(started, Started);
make!(completed, Completed);

fn events(before: &[(Make, Activity)]) -> Vec<WorkEvent> {
    let numbered = (1..).zip(before);
    numbered
        .map(|(entry, (make, activity))| make(*activity, entry))
        .collect()
}

#[track_caller]
fn recorded(before: &[(Make, Activity)], next: (Make, Activity)) {
    let next = next.0(next.1, before.len() as i64 + 1);
    given::<Work>(events(before))
        .when(RecordWork(next.clone()))
        .then([next]);
}

#[track_caller]
fn rejected(before: &[(Make, Activity)], next: (Make, Activity), why: No) {
    let next = next.0(next.1, before.len() as i64 + 1);
    given::<Work>(events(before))
        .when(RecordWork(next))
        .then_rejected(why);
}

#[test]
fn work_is_scheduled_before_it_is_done() {
    recorded(&[], (scheduled, HandleLead));
    rejected(&[], (started, HandleLead), No::NotScheduled);
    rejected(&[], (completed, HandleLead), No::NotScheduled);
    let listed: [(Make, Activity); 1] = [(scheduled, HandleLead)];
    recorded(&listed, (started, HandleLead));
    recorded(&listed, (completed, HandleLead));
    rejected(&listed, (started, CompleteApplication), No::NotScheduled);
}

#[test]
fn work_that_follows_is_scheduled_once_the_first_was_begun() {
    for (after, activity) in [
        (CompleteApplication, CallAboutOffer),
        (CallAboutOffer, ValidateApplication),
        (CallAboutOffer, ChangeContract),
        (ValidateApplication, CallAboutDossier),
    ] {
        rejected(&[], (scheduled, activity), No::TooEarly { after });
        rejected(
            &[(scheduled, after)],
            (scheduled, activity),
            No::TooEarly { after },
        );
        recorded(
            &[(scheduled, after), (started, after)],
            (scheduled, activity),
        );
    }
}

#[test]
fn a_lead_is_handled_before_the_application_is_completed() {
    recorded(&[(scheduled, HandleLead)], (scheduled, HandleLead));
    rejected(
        &[(scheduled, CompleteApplication)],
        (scheduled, HandleLead),
        No::TooLate,
    );
}

#[test]
fn fraud_is_completed_by_whoever_started() {
    let mut before: Vec<(Make, Activity)> = vec![(scheduled, AssessFraud)];
    rejected(&before, (completed, AssessFraud), No::NotStarted);
    before.push((started, AssessFraud));
    recorded(&before, (completed, AssessFraud));
    before.push((completed, AssessFraud));
    rejected(&before, (completed, AssessFraud), No::NotStarted);
    recorded(&before, (started, AssessFraud));
}

#[test]
fn an_entry_is_recorded_once() {
    let before = events(&[(scheduled, HandleLead), (started, HandleLead)]);
    for known in before.clone() {
        given::<Work>(before.clone())
            .when(RecordWork(known))
            .then_nothing();
    }
}

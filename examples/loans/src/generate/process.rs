//! The life of an application, with the odds of the real log.

use super::script::Script;
use crate::case::Transition::{Complete, Schedule, Start};

const LEAD: &str = "W_Afhandelen leads";
const FRAUD: &str = "W_Beoordelen fraude";
const COMPLETING: &str = "W_Completeren aanvraag";
const OFFER: &str = "W_Nabellen offertes";
const VALIDATION: &str = "W_Valideren aanvraag";
const DOSSIER: &str = "W_Nabellen incomplete dossiers";
const CONTRACT: &str = "W_Wijzigen contractgegevens";

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How a stage of the process leaves the case.
#[derive(Clone, Copy)]
enum Then {
    /// Nothing yet: the work is laid aside and taken up again.
    Again,
    /// The next stage begins.
    On,
    Declined,
    Cancelled,
    /// A better offer is made.
    Reoffered,
    /// Papers are missing.
    Incomplete,
    /// The log ends before the case does.
    Open,
}

impl Script {
    /// The whole life of an application.
    pub(super) fn application(&mut self) {
        self.step("A_SUBMITTED");
        self.moment();
        self.step("A_PARTLYSUBMITTED");
        self.wait(10_000, MINUTE);
        match self.pick(&[
            (262, None),
            (362, Some(LEAD)),
            (5, Some(FRAUD)),
            (371, Some(COMPLETING)),
        ]) {
            None => self.step("A_DECLINED"),
            Some(LEAD) => self.lead(),
            Some(FRAUD) => self.fraud(),
            Some(_) => self.preaccepted(),
        }
    }

    fn lead(&mut self) {
        self.work(LEAD, Schedule);
        while self.begin(LEAD, HOUR) && self.chance(19.0) {
            self.lay_aside(LEAD);
        }
        if self.chance(53.0) {
            self.step("A_PREACCEPTED");
            self.moment();
            self.work(COMPLETING, Schedule);
            self.end(LEAD);
            self.completing();
        } else {
            self.step("A_DECLINED");
            self.end(LEAD);
        }
    }

    fn fraud(&mut self) {
        self.work(FRAUD, Schedule);
        while self.begin(FRAUD, DAY) && self.chance(54.0) {
            self.end(FRAUD);
        }
        if self.chance(90.0) {
            self.step("A_DECLINED");
            self.end(FRAUD);
        } else {
            self.end(FRAUD);
            self.wait(MINUTE, HOUR);
            self.preaccepted();
        }
    }

    fn preaccepted(&mut self) {
        self.step("A_PREACCEPTED");
        self.moment();
        self.work(COMPLETING, Schedule);
        self.completing();
    }

    /// What is missing in the application is asked for, until it can be decided.
    fn completing(&mut self) {
        loop {
            self.begin(COMPLETING, DAY);
            match self.pick(&[
                (689, Then::Again),
                (216, Then::On),
                (47, Then::Cancelled),
                (45, Then::Declined),
                (3, Then::Open),
            ]) {
                Then::Again => self.lay_aside(COMPLETING),
                Then::On => return self.accepted(),
                Then::Open => return self.end(COMPLETING),
                ends => {
                    self.ended(ends);
                    return self.end(COMPLETING);
                }
            }
        }
    }

    fn accepted(&mut self) {
        self.step("A_ACCEPTED");
        self.wait(MINUTE, 10 * MINUTE);
        match self.pick(&[
            (980, Then::On),
            (13, Then::Cancelled),
            (6, Then::Declined),
            (1, Then::Open),
        ]) {
            Then::On => {
                self.together(["O_SELECTED", "A_FINALIZED"]);
                self.send();
                self.end(COMPLETING);
                self.offered();
            }
            Then::Open => self.end(COMPLETING),
            ends => {
                self.ended(ends);
                self.end(COMPLETING);
            }
        }
    }

    /// The customer is called about the offer, until it comes back signed or not at all.
    fn offered(&mut self) {
        loop {
            self.begin(OFFER, 8 * DAY);
            match self.pick(&[
                (681, Then::Again),
                (90, Then::Reoffered),
                (150, Then::On),
                (67, Then::Cancelled),
                (12, Then::Open),
            ]) {
                Then::Again => self.lay_aside(OFFER),
                Then::Reoffered => {
                    self.reoffer();
                    self.end(OFFER);
                }
                Then::On => return self.signed(),
                Then::Cancelled => {
                    self.together(["A_CANCELLED", "O_CANCELLED"]);
                    return self.end(OFFER);
                }
                _ => return self.end(OFFER),
            }
        }
    }

    fn signed(&mut self) {
        self.step("O_SENT_BACK");
        self.moment();
        self.work(VALIDATION, Schedule);
        self.end(OFFER);
        self.validating();
    }

    /// The signed offer and its papers are checked, until the loan is granted or not.
    fn validating(&mut self) {
        loop {
            self.begin(VALIDATION, 4 * DAY);
            match self.pick(&[
                (290, Then::Again),
                (300, Then::Incomplete),
                (290, Then::On),
                (100, Then::Declined),
                (15, Then::Cancelled),
                (5, Then::Open),
            ]) {
                Then::Again => self.lay_aside(VALIDATION),
                Then::Incomplete => self.incomplete(),
                Then::On => return self.granted(),
                Then::Open => return self.end(VALIDATION),
                Then::Declined => {
                    self.together(["A_DECLINED", "O_DECLINED"]);
                    return self.end(VALIDATION);
                }
                _ => {
                    self.together(["A_CANCELLED", "O_CANCELLED"]);
                    return self.end(VALIDATION);
                }
            }
        }
    }

    /// The customer is called for missing papers, until they are there.
    fn incomplete(&mut self) {
        self.work(DOSSIER, Schedule);
        self.end(VALIDATION);
        while self.begin(DOSSIER, 2 * DAY) && self.chance(79.0) {
            self.lay_aside(DOSSIER);
        }
        self.work(VALIDATION, Schedule);
        self.end(DOSSIER);
    }

    fn granted(&mut self) {
        // In the real log, three loans of two thousand were granted without it.
        match self.chance(99.87) {
            true => self.together(["A_APPROVED", "A_REGISTERED", "A_ACTIVATED", "O_ACCEPTED"]),
            false => self.together(["A_APPROVED", "A_REGISTERED", "A_ACTIVATED"]),
        }
        self.end(VALIDATION);
        if self.chance(0.3) {
            self.someone(20 * DAY, 90 * DAY);
            self.work(CONTRACT, Schedule);
        }
    }

    fn reoffer(&mut self) {
        self.together(["O_SELECTED", "O_CANCELLED"]);
        self.send();
    }

    fn send(&mut self) {
        self.moment();
        self.step("O_CREATED");
        self.moment();
        self.step("O_SENT");
        self.moment();
        self.work(OFFER, Schedule);
    }

    fn ended(&mut self, how: Then) {
        self.step(match how {
            Then::Declined => "A_DECLINED",
            _ => "A_CANCELLED",
        });
    }

    /// Someone takes the work up, after a while. Always true.
    fn begin(&mut self, activity: &str, most: i64) -> bool {
        self.someone(MINUTE, most);
        self.work(activity, Start);
        self.wait(10_000, 10 * MINUTE);
        true
    }

    fn end(&mut self, activity: &str) {
        self.wait(1_000, 10_000);
        self.work(activity, Complete);
    }

    /// The work ends for now. Now and then someone ends it again who never took it up.
    fn lay_aside(&mut self, activity: &str) {
        self.end(activity);
        if self.chance(1.5) {
            self.someone(DAY, 10 * DAY);
            self.work(activity, Complete);
        }
    }
}

//! What may happen to a loan, and when.

use factum::Aggregate;
use serde::{Deserialize, Serialize};

use super::LoanEvent;
use super::LoanRejection::{
    self as No, OfferInPreparation, OfferOutstanding, OutOfOrder, TooEarly,
};
use crate::history::{History, Place};

/// Record that this happened.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordLoan(pub LoanEvent);

/// A loan, as far as the next decision needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loan {
    history: History,
    stage: Stage,
    end: Option<End>,
    approved: bool,
    registered: bool,
    activated: bool,
    /// The offer that is being prepared.
    draft: Option<Draft>,
    /// The offer that is with the customer, or came back from there.
    offer: Option<Offer>,
    /// Whether any offer came back signed.
    signed: bool,
    settled: Option<Settled>,
}

/// How far the application has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Stage {
    #[default]
    None,
    Submitted,
    PartlySubmitted,
    Preaccepted,
    Accepted,
    Finalized,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Declined,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Draft {
    Selected,
    Created,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Offer {
    Sent,
    SentBack,
}

/// What the bank did with the offer in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Settled {
    Accepted,
    Declined,
}

type Checked = Result<(), No>;

/// `Err(rejection)` unless the rule holds.
fn need(holds: bool, rejection: No) -> Checked {
    if holds { Ok(()) } else { Err(rejection) }
}

impl Aggregate for Loan {
    type Command = RecordLoan;
    type Event = LoanEvent;
    type Rejection = No;

    fn decide(&self, RecordLoan(event): RecordLoan) -> Result<Vec<LoanEvent>, No> {
        if self.history.place(event.entry(), event.time())? == Place::Known {
            return Ok(Vec::new());
        }
        self.check(&event)?;
        Ok(vec![event])
    }

    fn apply(&mut self, event: &LoanEvent) {
        self.history.record(event.entry(), event.time());
        match event {
            LoanEvent::Submitted(_) => self.stage = Stage::Submitted,
            LoanEvent::PartlySubmitted(_) => self.stage = Stage::PartlySubmitted,
            LoanEvent::Preaccepted(_) => self.stage = Stage::Preaccepted,
            LoanEvent::Accepted(_) => self.stage = Stage::Accepted,
            LoanEvent::Finalized(_) => self.stage = Stage::Finalized,
            LoanEvent::Declined(_) => self.end = Some(End::Declined),
            LoanEvent::Cancelled(_) => self.end = Some(End::Cancelled),
            LoanEvent::Approved(_) => self.approved = true,
            LoanEvent::Registered(_) => self.registered = true,
            LoanEvent::Activated(_) => self.activated = true,
            _ => self.apply_to_offer(event),
        }
    }
}

impl Loan {
    fn check(&self, event: &LoanEvent) -> Checked {
        match event {
            LoanEvent::Submitted(_) => self.step(Stage::None),
            LoanEvent::PartlySubmitted(_) => self.step(Stage::Submitted),
            LoanEvent::Preaccepted(_) => self.step(Stage::PartlySubmitted),
            LoanEvent::Accepted(_) => self.step(Stage::Preaccepted),
            LoanEvent::Finalized(_) => self.step(Stage::Accepted),
            LoanEvent::Declined(_) => self.may_end(),
            LoanEvent::Cancelled(_) => self.may_cancel(),
            LoanEvent::Approved(_) => self.may_grant(self.approved),
            LoanEvent::Registered(_) => self.may_grant(self.registered),
            LoanEvent::Activated(_) => self.may_grant(self.activated),
            _ => self.check_offer(event),
        }
    }

    fn check_offer(&self, event: &LoanEvent) -> Checked {
        match event {
            LoanEvent::OfferSelected(_) => self.may_select(),
            LoanEvent::OfferCreated(_) => self.may_create(),
            LoanEvent::OfferSent(_) => need(self.draft == Some(Draft::Created), No::NoSuchOffer),
            LoanEvent::OfferSentBack(_) => self.may_come_back(),
            LoanEvent::OfferAccepted(_) => self.may_accept_offer(),
            LoanEvent::OfferDeclined(_) => self.may_decline_offer(),
            _ => self.may_cancel_offer(),
        }
    }

    fn apply_to_offer(&mut self, event: &LoanEvent) {
        match event {
            LoanEvent::OfferSelected(_) => self.draft = Some(Draft::Selected),
            LoanEvent::OfferCreated(_) => self.draft = Some(Draft::Created),
            LoanEvent::OfferSent(_) => {
                self.draft = None;
                self.offer = Some(Offer::Sent);
            }
            LoanEvent::OfferSentBack(_) => {
                self.offer = Some(Offer::SentBack);
                self.signed = true;
            }
            LoanEvent::OfferAccepted(_) => self.settle(Some(Settled::Accepted)),
            LoanEvent::OfferDeclined(_) => self.settle(Some(Settled::Declined)),
            _ => self.settle(None),
        }
    }

    fn settle(&mut self, settled: Option<Settled>) {
        self.offer = None;
        self.settled = settled.or(self.settled);
    }

    fn step(&self, before: Stage) -> Checked {
        self.open()?;
        need(self.stage == before, OutOfOrder)
    }

    fn may_end(&self) -> Checked {
        self.open()?;
        self.nothing_in_preparation()?;
        need(self.stage >= Stage::PartlySubmitted, TooEarly)?;
        self.not_granted()?;
        need(self.settled != Some(Settled::Accepted), No::Granted)
    }

    fn may_cancel(&self) -> Checked {
        self.may_end()?;
        need(self.settled.is_none(), No::OfferDeclined)
    }

    /// Approving, registering and activating come in any order, each once.
    fn may_grant(&self, already: bool) -> Checked {
        self.open()?;
        need(!already, No::Repeated)?;
        self.nothing_in_preparation()?;
        need(self.stage == Stage::Finalized, TooEarly)?;
        need(self.settled != Some(Settled::Declined), No::OfferDeclined)?;
        need(self.signed, No::NothingSigned)?;
        let accepted = self.settled == Some(Settled::Accepted);
        need(accepted || self.offer.is_some(), No::NoSuchOffer)
    }

    fn may_select(&self) -> Checked {
        self.open()?;
        need(self.stage >= Stage::Accepted, TooEarly)?;
        self.not_granted()?;
        self.not_settled()?;
        self.nothing_in_preparation()
    }

    fn may_create(&self) -> Checked {
        need(self.draft == Some(Draft::Selected), No::NoSuchOffer)?;
        need(self.stage == Stage::Finalized, TooEarly)?;
        need(self.offer.is_none(), OfferOutstanding)
    }

    fn may_come_back(&self) -> Checked {
        self.open()?;
        self.not_granted()?;
        self.nothing_in_preparation()?;
        need(self.offer == Some(Offer::Sent), No::NoSuchOffer)
    }

    fn may_accept_offer(&self) -> Checked {
        self.open()?;
        self.nothing_in_preparation()?;
        need(self.offer.is_some(), No::NoSuchOffer)?;
        need(self.signed, No::NothingSigned)
    }

    /// Declining the offer goes with declining the application, in either order.
    fn may_decline_offer(&self) -> Checked {
        need(self.end != Some(End::Cancelled), No::Ended)?;
        self.not_granted()?;
        self.nothing_in_preparation()?;
        need(self.offer.is_some(), No::NoSuchOffer)
    }

    /// An offer is cancelled for another one, which may be selected by then, or with the application.
    fn may_cancel_offer(&self) -> Checked {
        need(self.end != Some(End::Declined), No::Ended)?;
        self.not_granted()?;
        need(self.offer.is_some(), No::NoSuchOffer)
    }

    fn open(&self) -> Checked {
        need(self.end.is_none(), No::Ended)
    }

    fn not_granted(&self) -> Checked {
        let granted = self.approved || self.registered || self.activated;
        need(!granted, No::Granted)
    }

    fn not_settled(&self) -> Checked {
        match self.settled {
            None => Ok(()),
            Some(Settled::Accepted) => Err(No::Granted),
            Some(Settled::Declined) => Err(No::OfferDeclined),
        }
    }

    fn nothing_in_preparation(&self) -> Checked {
        need(self.draft.is_none(), OfferInPreparation)
    }
}

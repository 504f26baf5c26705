//! Why an entry cannot have happened to a loan.

use std::fmt;

use crate::Misplaced;

/// Why an entry is not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoanRejection {
    /// It has no place in the order of the case's entries.
    Misplaced(Misplaced),
    /// An application is submitted, taken in, preaccepted, accepted and finalized in this order,
    /// each once.
    OutOfOrder,
    /// It comes too early: the application has not come that far.
    TooEarly,
    /// The application was declined or cancelled.
    Ended,
    /// The loan is approved, registered, activated or its offer accepted.
    Granted,
    /// It was declined to go on with the offer.
    OfferDeclined,
    /// It has happened already, and happens once only.
    Repeated,
    /// An offer is being prepared, and has to be sent first.
    OfferInPreparation,
    /// No offer is in the state that this needs.
    NoSuchOffer,
    /// Another offer is still with the customer, and has to be cancelled first.
    OfferOutstanding,
    /// No signed offer has come back yet.
    NothingSigned,
}

impl From<Misplaced> for LoanRejection {
    fn from(misplaced: Misplaced) -> Self {
        Self::Misplaced(misplaced)
    }
}

impl fmt::Display for LoanRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Misplaced(misplaced) => return misplaced.fmt(f),
            Self::OutOfOrder => "it is not the application's next step",
            Self::TooEarly => "the application has not come that far",
            Self::Ended => "the application was declined or cancelled",
            Self::Granted => "the loan is granted",
            Self::OfferDeclined => "the offer was declined",
            Self::Repeated => "it has happened already",
            Self::OfferInPreparation => "an offer is being prepared",
            Self::NoSuchOffer => "there is no offer that this could happen to",
            Self::OfferOutstanding => "another offer is still with the customer",
            Self::NothingSigned => "no signed offer has come back",
        })
    }
}

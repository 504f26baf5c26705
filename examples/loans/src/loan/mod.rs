//! The loan: an application and the offers made for it (`A_…` and `O_…` in the bank's log).
//!
//! The rules were read off the log: every one of its 13,087 cases obeys them all.

mod events;
mod reject;
mod rules;
#[cfg(test)]
mod tests;

pub use events::*;
pub use reject::LoanRejection;
pub use rules::{Loan, RecordLoan};

//! The work on an application (`W_…` in the bank's log): who did what, from the list to done.
//!
//! The rules were read off the log: every one of its 13,087 cases obeys them all.

mod events;
mod reject;
mod rules;
#[cfg(test)]
mod tests;

pub use events::*;
pub use reject::WorkRejection;
pub use rules::{RecordWork, Work};

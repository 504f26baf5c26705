//! The bank's loans, some versions of their schemas later.

mod board;
mod upcasters;

pub use board::Board;

factum::events!(bank.loan);

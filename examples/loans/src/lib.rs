//! The loan process of a real bank: an event log in, exact read models out.

pub mod board;
pub mod case;
pub mod figures;
pub mod generate;
mod history;
pub mod loan;
pub mod record;
pub mod work;
pub mod workload;
pub mod xes;

pub use history::Misplaced;

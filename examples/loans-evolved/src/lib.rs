//! The bank's loans and the work on them, some versions of their schemas later.

mod board;
mod upcasters;
pub mod work;
mod workload;

pub use board::Board;
pub use workload::Workload;

factum::events!(bank.loan);

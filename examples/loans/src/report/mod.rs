//! What the read models say, and whether it is what it should be.

mod differences;
mod query;
mod table;

pub use differences::differences;
pub use query::{Busy, Report, ReportError};
pub use table::{Line, table};

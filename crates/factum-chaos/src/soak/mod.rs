//! Whether programs grow: what each of them holds, over a long time under load and faults.

mod growth;
mod lives;
mod usage;
mod watch;

pub use growth::{Balance, Level, judge};
pub use lives::{Life, Lives, Sample};
pub use usage::Usage;
pub use watch::Watch;

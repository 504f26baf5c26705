//! Reads an event log in XES (IEEE 1849), case by case, in bounded memory.
//!
//! ```no_run
//! # fn main() -> Result<(), loans::xes::XesError> {
//! for case in loans::xes::XesReader::open("BPI_Challenge_2012.xes.gz")? {
//!     println!("{}", case?.name);
//! }
//! # Ok(()) }
//! ```

mod error;
mod input;
mod nodes;
mod reader;

pub use error::{XesError, XesErrorKind};
pub use input::Progress;
pub use reader::XesReader;

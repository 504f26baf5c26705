//! Generates Rust from a folder of Avro schemas, called from `build.rs`:
//!
//! ```no_run
//! fn main() -> factum_build::Result {
//!     factum_build::compile("schemas")
//! }
//! ```
//!
//! The folder holds a file for every version of every event, like migrations:
//! `schemas/<context>/<aggregate>/<Event>/<n>.avsc`, with n = 1, 2, 3, …. A released version never
//! changes; `schemas.lock`, in the same folder, remembers it. For each aggregate one Rust file is
//! written into `OUT_DIR`, called `<context>.<aggregate>.rs`: a struct for every event's newest
//! version, an enum over them that is a `factum::Event`, and the code that reads every older version
//! as the newest.

mod aggregate;
mod compile;
mod default;
mod finding;
mod generate;
mod lock;
mod lower;
mod model;
mod names;
mod resolve;
mod tree;

pub use compile::{Builder, compile};
pub use finding::{Error, Finding};

/// What a `build.rs` returns.
pub type Result = std::result::Result<(), Error>;

//! Generates Rust from a folder of Avro schemas, called from `build.rs`:
//!
//! ```no_run
//! fn main() -> factum_build::Result {
//!     factum_build::compile("schemas")
//! }
//! ```
//!
//! The folder holds a file for every version of every event, like migrations:
//! `schemas/<context>/<aggregate>/<Event>/<n>.avsc`, with n = 1, 2, 3, …. For each aggregate one Rust
//! file is written into `OUT_DIR`, called `<context>.<aggregate>.rs`, for `factum::events!` to include:
//! a struct for every event's newest version, the types they use, and an enum over the events that is
//! a `factum::Event`: it writes the newest versions and reads every version as the newest.
//!
//! # Types
//!
//! | Avro | Rust |
//! |---|---|
//! | boolean, int, long, float, double | `bool`, `i32`, `i64`, `f32`, `f64` |
//! | string, bytes, fixed | `String`, `Vec<u8>`, `[u8; N]` |
//! | array, map | `Vec<T>`, `BTreeMap<String, T>` |
//! | record, enum | a struct, an enum |
//! | a union of null and T, in either order | `Option<T>` |
//! | timestamp-millis, timestamp-micros on long | `jiff::Timestamp`; what is finer is cut off, toward the past |
//! | date on int | `jiff::civil::Date` |
//! | uuid on string | `uuid::Uuid` |
//!
//! Anything else (other unions and logical types, records that contain themselves, arrays of items
//! that take no bytes) is refused. Fields are in snake case and symbols in camel case in Rust.
//!
//! # Changing an event
//!
//! A released version never changes: `schemas.lock`, in the same folder, remembers it; commit that
//! file. A change is the event's next version file, which must be able to read all older ones, by
//! Avro's rules: a field may be added with a default, removed, reordered, renamed with an alias, made
//! nullable or widened (int to long, float or double; long to float or double; float to double; string
//! to and from bytes); an enum may gain symbols, and lose them if it has a default. Two rules are
//! stricter than Avro's, since values would silently change their meaning: a logical type is read as
//! itself or as the plain type beneath it, and a symbol that is gone needs the default at build time.
//!
//! What no such rule can express is read by Rust code: `schemas.toml`, in the same folder, names the
//! versions, and the package implements `factum::Upcast` for each. It also says which events are no
//! longer produced, and which became others of the same aggregate:
//!
//! ```toml
//! [events."bank/loan/Submitted"]
//! upcast = [1]                  # impl factum::Upcast<submitted::v1::Submitted> for Submitted
//!
//! [events."bank/loan/OfferFaxed"]
//! retired = "No branch has a fax any more."
//!
//! [events."bank/loan/Asked"]
//! became = "Inquired"           # its versions are read as `Inquired`, by Avro's rules or upcasters
//! ```
//!
//! A build adds new versions to the lock. Where it may not, with `FACTUM_LOCKED=1` or `CI=true`, a
//! version that is not in the lock is an error.

mod aggregate;
mod check;
mod compile;
mod default;
mod evolution;
mod finding;
mod generate;
mod lock;
mod lower;
mod model;
mod names;
mod plan;
mod resolve;
mod settings;
mod tree;

pub use check::{Checked, CheckedVersion, Release};
pub use compile::{Builder, compile};
pub use finding::{Error, Finding, Rule};

/// What a `build.rs` returns.
pub type Result = std::result::Result<(), Error>;

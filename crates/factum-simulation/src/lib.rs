//! A deterministic simulation: the real engine and the real projector on a log, a network, a clock, a
//! disk and a store that a seed decides about.
//!
//! A run has a few service nodes and projection workers, each a process on a machine of its own
//! ([`factum_host`] gives them their tasks, time, chance and disk), clients that ask and ask again, and
//! faults. In the end everything is mended, and judged: what clients were told, against the log; the
//! states and the rows, against a fold of the log. The judge stands on `factum-core`'s reader rule,
//! which `factum-core`, `factum-model` and `factum-chaos` try in other ways.
//!
//! Everything happens on one thread, in an order and at times that the seed fixes; [`Report::hash`]
//! stands for all of it. Whatever failed fails again under its seed:
//!
//! ```sh
//! cargo run -p factum-simulation -- --seeds 10000 --first 5000
//! cargo run -p factum-simulation -- --seed 4711 --trace
//! ```

mod account;
mod answers;
mod board;
mod chance;
mod client;
mod disk;
mod facts;
mod faults;
mod flaw;
mod group;
mod handled;
mod history;
mod judge;
mod kind;
mod letters;
mod log;
mod network;
mod node;
mod process;
mod reader;
mod run;
mod sender;
mod session;
mod shadow;
mod store;
mod trace;
mod worker;
mod world;

pub use flaw::Flaw;
pub use kind::Kind;
pub use run::{Figures, RECOVERY, Report, kind_of, run, run_without};

//! A deterministic simulation: the real engine on a simulated log, network, clock and disk.

mod account;
mod board;
mod chance;
mod client;
mod disk;
mod facts;
mod faults;
mod flaw;
mod group;
mod history;
mod judge;
mod log;
mod network;
mod node;
mod process;
mod reader;
mod run;
mod session;
mod shadow;
mod store;
mod trace;
mod worker;
mod world;

pub use flaw::Flaw;
pub use run::{Figures, RECOVERY, Report, run, run_without};

//! Breaks a real Kafka, a real Postgres and everything between them under load, and judges the log.
//!
//! `cargo xtask chaos --help` says how to run it, `docs/proof.md` what it shows. The parts:
//! [`plan`] draws faults from a seed, [`world`] has what they strike, [`faults`] strikes and mends,
//! [`load`] asks, [`checker`] judges, [`soak`] sees whether programs grow. The programs under test are [`node`] and [`worker`].

pub mod account;
pub mod ask;
pub mod board;
pub mod checker;
pub mod faults;
pub mod flow;
pub mod history;
pub mod kafka;
pub mod load;
pub mod node;
pub mod plan;
pub mod report;
pub mod run;
pub mod soak;
pub mod wire;
pub mod worker;
pub mod world;

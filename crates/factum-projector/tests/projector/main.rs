//! Projections on a log in memory and a real Postgres.

mod append;
mod bank;
mod dead_letters;
mod exact;
mod failover;
#[cfg(target_os = "linux")]
mod full_disk;
mod handler;
mod multi_fold;
mod operations;
mod read_model;
mod rebuild;
mod refusals;
mod roles;
mod several;
mod status;
mod takeover;
mod types;
mod until_end;
#[cfg(target_os = "linux")]
mod vanish;

//! Projections on a log in memory and a real Postgres.

mod bank;
mod exact;
mod read_model;
mod refusals;
mod status;
mod takeover;
mod until_end;

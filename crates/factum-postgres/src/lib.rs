//! How Factum's programs reach Postgres: by addresses, environment variables, files and TLS modes as
//! users of `psql` know them, on whichever of several servers takes writes at the moment.
//!
//! [`Address::parse`] reads and checks; [`Address::connect`] tries the hosts in order. Certificates and
//! the passfile are read at every connection, so that new ones need no restart.

mod address;
mod connect;
mod environment;
mod error;
mod parameters;
mod passfile;
mod tls;
mod verifier;

pub use address::Address;
pub use connect::Connection;
pub use error::{AddressError, ConnectError, is_passing};

//! What every long-running program of Factum does alike, whichever side it is on: it ends when a
//! signal tells it to.
//!
//! Projection workers do this by themselves. A service of one's own passes [`shutdown_signal`] to
//! whatever it runs, or waits for it and shuts its engine down. What ends otherwise listens to
//! [`Signals`].

mod shutdown;
mod signals;

pub use shutdown::shutdown_signal;
pub use signals::{Signal, Signals};

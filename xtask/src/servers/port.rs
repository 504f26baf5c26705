//! Free ports that stay free across a restart.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};
use rand::RngExt;

/// Below the range that Linux and macOS hand to outgoing connections: a server that was killed
/// finds its port free again.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

const ATTEMPTS: usize = 200;

/// A port that nobody listens on: `preferred` if it is free, else a random one.
///
/// # Errors
/// When no free port was found.
pub fn free(preferred: Option<u16>) -> Result<u16> {
    let mut rng = rand::rng();
    let random = std::iter::repeat_with(|| rng.random_range(RANGE)).take(ATTEMPTS);
    first_free(preferred.into_iter().chain(random), is_free)
        .context("no free port between 20000 and 32000 on 127.0.0.1")
}

fn first_free(
    candidates: impl IntoIterator<Item = u16>,
    is_free: impl Fn(u16) -> bool,
) -> Option<u16> {
    candidates.into_iter().find(|port| is_free(*port))
}

/// Whether a server could listen on `port` now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_port_wins_when_it_is_free() {
        assert_eq!(first_free([1, 2, 3], |_| true), Some(1));
        assert_eq!(first_free([1, 2, 3], |port| port > 1), Some(2));
        assert_eq!(first_free([1, 2, 3], |_| false), None);
    }

    #[test]
    fn a_port_that_is_listened_on_is_not_chosen() {
        let port = free(None).unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(free(Some(port)).unwrap(), port);
        drop(listener);
    }
}

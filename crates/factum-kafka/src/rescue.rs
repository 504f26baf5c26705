//! Telling a client again where its brokers are.
//!
//! A broker that is about to stop tells of itself no more: where it is the only one, the cluster's
//! metadata names none. librdkafka then drops every broker that it knows, those of the settings too,
//! and is to begin anew with those of the settings. Now and then it fails to, and the client would be
//! without any broker for ever, though the broker is long back. So whoever serves a client that has been in
//! trouble for a while names the brokers once more; that changes nothing where they are known.

use std::ffi::CString;
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_brokers_add;
use rdkafka::client::{Client, ClientContext};

use crate::client::Reports;

/// How long a client may find its brokers by itself.
const FIRST: Duration = Duration::from_secs(2);
/// The longest time between two tries: each is remembered by the client.
const LAST: Duration = Duration::from_secs(60);

/// When to name the brokers of the settings once more.
#[derive(Debug)]
pub(crate) struct Rescue {
    servers: CString,
    tries: Tries,
}

impl Rescue {
    pub(crate) fn new(servers: &str) -> Self {
        Self {
            servers: CString::new(servers).unwrap_or_default(),
            tries: Tries::default(),
        }
    }

    /// Names the brokers once more, if it is time. To be called again and again.
    pub(crate) fn look<C: ClientContext>(&mut self, client: &Client<C>, reports: &Reports) {
        if self
            .tries
            .is_due(reports.in_trouble_since(), Instant::now())
        {
            tracing::debug!(servers = ?self.servers, "a Kafka client is told its brokers again");
            // Safety: the client lives as long as the reference to it, the string longer than the call,
            // and librdkafka copies it.
            unsafe { rd_kafka_brokers_add(client.native_ptr(), self.servers.as_ptr()) };
        }
    }
}

/// The moments to try at, each after twice as long a time.
#[derive(Debug, Default)]
struct Tries {
    /// Since when the client has been in trouble, the pause before the next try, and its time.
    next: Option<(Instant, Duration, Instant)>,
}

impl Tries {
    fn is_due(&mut self, trouble: Option<Instant>, now: Instant) -> bool {
        let Some(since) = trouble else {
            self.next = None;
            return false;
        };
        let (_, pause, at) = match self.next {
            Some(next) if next.0 == since => next,
            _ => (since, FIRST, since + FIRST),
        };
        let due = now >= at;
        self.next = Some(match due {
            true => (since, LAST.min(2 * pause), now + LAST.min(2 * pause)),
            false => (since, pause, at),
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_become_rarer_until_the_trouble_ends() {
        let (begin, mut tries) = (Instant::now(), Tries::default());
        let mut at = |seconds: u64, trouble: Option<u64>| {
            let trouble = trouble.map(|since| begin + Duration::from_secs(since));
            tries.is_due(trouble, begin + Duration::from_secs(seconds))
        };
        let tried: Vec<_> = (0..200).filter(|second| at(*second, Some(0))).collect();
        assert_eq!(tried, [2, 6, 14, 30, 62, 122, 182]);
        assert!(!at(200, None));
        let tried: Vec<_> = (200..210).filter(|second| at(*second, Some(201))).collect();
        assert_eq!(tried, [203, 207], "a new trouble is a new beginning");
    }
}

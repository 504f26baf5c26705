//! Waiting longer and longer between attempts, never in step with others.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use factum_core::chain;
use tokio::time::Instant;

/// Grows from 100 ms to 5 s, each wait cut to a random part between a half and the whole.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// Starts over: the last attempt succeeded.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// How long to wait now.
    pub(crate) fn next(&mut self) -> Duration {
        let full = Duration::from_millis(100 << self.attempts.min(6)).min(Duration::from_secs(5));
        self.attempts += 1;
        full.mul_f64(0.5 + factum_host::random() / 2.0)
    }

    /// Waits.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.next()).await;
    }
}

/// Tries until it succeeds, fails for good, or `patience` is over.
pub(crate) async fn patiently<T, E, A>(
    patience: Duration,
    passing: impl Fn(&E) -> bool,
    mut attempt: impl FnMut() -> A,
) -> Result<T, E>
where
    E: Error + 'static,
    A: Future<Output = Result<T, E>>,
{
    let deadline = Instant::now() + patience;
    let mut backoff = Backoff::default();
    loop {
        match attempt().await {
            Err(error) if passing(&error) => {
                let wait = backoff.next();
                if Instant::now() + wait >= deadline {
                    return Err(error);
                }
                tracing::warn!(error = chain(&error), "not ready: trying again");
                tokio::time::sleep(wait).await;
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_a_bound() {
        let mut backoff = Backoff::default();
        assert!(backoff.next() <= Duration::from_millis(100));
        let waits: Vec<_> = (0..100).map(|_| backoff.next()).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(5)));
        assert!(waits[99] >= Duration::from_millis(2500));
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }
}

//! Sending a command again until its fate is known.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use factum_core::Aggregate;
use factum_host::random_id;
use tokio::time::Instant;

use crate::{CommandOptions, Engine, ExecuteError, Receipt};

impl<A: Aggregate> Engine<A>
where
    A::Command: Clone,
{
    /// Carries out a command exactly once: sends it again, under the same command id, as long as the
    /// error is [retryable](ExecuteError::is_retryable), longer and longer waits apart. It ends with the
    /// time-out of the options, if there is one, or when this engine stops.
    ///
    /// The id is what keeps a repetition from taking effect again; it is recognised as long as the
    /// engine's [window](crate::EngineOptions::command_window) holds it.
    ///
    /// # Errors
    /// The last attempt's; but [`ExecuteError::Unknown`] where an earlier attempt's fate was unknown
    /// and no later one found it out.
    pub async fn execute_with_retry(
        &self,
        id: impl Into<String>,
        command: A::Command,
        options: CommandOptions,
    ) -> Result<Receipt, ExecuteError<A::Rejection>> {
        let id = id.into();
        let command_id = options.command_id.unwrap_or_else(random_id);
        let deadline = options.timeout.map(|timeout| Instant::now() + timeout);
        let mut waits = waits();
        let mut in_doubt = false;
        loop {
            let attempt = CommandOptions {
                command_id: Some(command_id),
                timeout: deadline.map(|at| at.saturating_duration_since(Instant::now())),
                ..options.clone()
            };
            let error = match self.execute_with(&*id, command.clone(), attempt).await {
                Err(error) if error.is_retryable() => error,
                outcome => return outcome,
            };
            in_doubt |= matches!(error, ExecuteError::Unknown { .. });
            let wait = waits.next().unwrap_or(LONGEST);
            let late = deadline.is_some_and(|at| Instant::now() + wait >= at);
            if late || !self.sleep(wait).await {
                return Err(match in_doubt {
                    true => ExecuteError::Unknown {
                        command: command_id,
                    },
                    false => error,
                });
            }
        }
    }
}

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// How long to wait before each attempt: twice as long each time, never in step with others.
fn waits() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(random_id().as_u128() as u64)
        .build()
}

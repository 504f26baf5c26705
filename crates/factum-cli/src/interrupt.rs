//! Signals that end a command before its end: the first one after what is under way, the second at once.

use std::future::{Future, pending};
use std::process::exit;
use std::{io, thread};

use factum_program::{Signal, Signals};
use tokio::runtime::Builder;
use tokio::sync::watch;

/// A command was told to stop before its end.
#[derive(Debug, thiserror::Error)]
#[error("not complete: {0} came before the end")]
pub(crate) struct Interrupted(pub Signal);

/// Whether a signal has come.
pub(crate) struct Interrupt(watch::Receiver<Option<Signal>>);

impl Interrupt {
    /// Listens from now on. A second signal ends the process, whatever it does.
    pub(crate) fn listen() -> Self {
        let (tell, told) = watch::channel(None);
        if let Err(error) = start(tell) {
            tracing::warn!(%error, "cannot listen for signals: they end the program at once");
        }
        Self(told)
    }

    /// Does this work, unless a signal comes first. It is seen wherever the work waits or yields.
    ///
    /// # Errors
    /// Those of the work, and [`Interrupted`].
    pub(crate) async fn or<T, E: From<Interrupted>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            signal = self.signal() => Err(Interrupted(signal).into()),
            outcome = work => outcome,
        }
    }

    async fn signal(&self) -> Signal {
        let mut told = self.0.clone();
        let signal = told.wait_for(Option::is_some).await.map(|it| *it);
        match signal {
            Ok(Some(signal)) => signal,
            _ => pending().await, // nobody listens
        }
    }
}

/// Listens on a thread of its own: the command's may be held up in a write that nobody reads.
fn start(tell: watch::Sender<Option<Signal>>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _runtime = runtime.enter();
        Signals::listen()?
    };
    let follow = move || runtime.block_on(follow(signals, tell));
    thread::Builder::new()
        .name("signals".into())
        .spawn(follow)?;
    Ok(())
}

async fn follow(mut signals: Signals, tell: watch::Sender<Option<Signal>>) {
    let first = signals.next().await;
    tell.send_replace(Some(first));
    tracing::info!("told to stop by {first}: finishing what is under way");
    // No word of the second: standard error may be what nobody reads.
    exit(signals.next().await.exit_code().into());
}

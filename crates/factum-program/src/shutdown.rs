//! The signals that end a program: the first one gently, the second at once.

use std::future::{Future, pending};
use std::process::exit;

use futures::FutureExt;
use tokio::sync::oneshot;

use crate::signals::Signals;

/// How a program exits that was told to stop and did not want to wait: as a shell reports one that
/// Ctrl-C has ended.
const TOLD_TWICE: i32 = 130;

/// Resolves, with all its clones, when the program is told to stop: by SIGINT (Ctrl-C), or by
/// SIGTERM where there is one. Told a second time, the program ends at once, with exit code 130.
///
/// It listens from the call on, not from the first poll, so call it first thing: a signal that comes
/// while a program starts is minded, too. Whoever calls it answers for ending: signals do not end
/// the process by themselves any more, unless they come twice.
///
/// ```no_run
/// # async fn open() {}
/// # async fn serve(_: (), until: impl Future<Output = ()>) {}
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let stop = factum_program::shutdown_signal();
/// let log = tokio::select! {
///     log = open() => log,
///     () = stop.clone() => return,
/// };
/// serve(log, stop).await;
/// # }
/// ```
///
/// # Panics
/// Outside of a tokio runtime.
pub fn shutdown_signal() -> impl Future<Output = ()> + Clone + Send + Sync + Unpin + 'static {
    let (tell, told) = oneshot::channel();
    match Signals::listen() {
        Ok(signals) => drop(tokio::spawn(follow(signals, tell))),
        Err(error) => {
            tracing::warn!(%error, "cannot listen for signals: they end the program at once")
        }
    }
    let told = async {
        if told.await.is_err() {
            pending().await // nobody listens
        }
    };
    told.boxed().shared()
}

async fn follow(mut signals: Signals, tell: oneshot::Sender<()>) {
    signals.next().await;
    tracing::info!("told to stop: finishing what is under way");
    let _ = tell.send(());
    signals.next().await;
    tracing::warn!("told to stop again: stopping at once");
    exit(TOLD_TWICE);
}

//! Reads the source on a thread of its own, a few cases ahead.

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinHandle, spawn_blocking};

use super::Progress;
use super::source::Cases;
use crate::case::Case;
use crate::figures::{Census, Figures};
use crate::xes::XesError;

/// How many cases are read ahead.
const AHEAD: usize = 64;

/// What the reading thread ends with: for made-up cases, the figures that they come to.
pub(super) type Feeder = JoinHandle<Result<Option<Figures>, XesError>>;

/// Starts reading. The cases end where the source ends, or breaks off; the feeder says which.
pub(super) fn start(cases: Cases, progress: &Progress) -> (Receiver<Case>, Feeder) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let progress = progress.clone();
    (
        receiver,
        spawn_blocking(move || feed(cases, &sender, &progress)),
    )
}

fn feed(
    mut cases: Cases,
    sender: &Sender<Case>,
    progress: &Progress,
) -> Result<Option<Figures>, XesError> {
    let mut census = cases.is_generated().then(Census::default);
    while let Some(case) = cases.next() {
        let case = case?;
        if let Some(census) = &mut census {
            census.count(&case);
        }
        progress.at(cases.position());
        if sender.blocking_send(case).is_err() {
            break;
        }
    }
    Ok(census.map(|census| census.figures()))
}

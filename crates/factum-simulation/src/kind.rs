//! Which projection a run has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use factum_core::Recorded;
use factum_projector::{Append, Fold};

use crate::account::Moved;
use crate::board::{Board, Line};

/// Which projection a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rows that are folded; its workers stop at an event that fails, and none does.
    Fold,
    /// The same, of which some events fail until that is mended: its workers park them.
    Parking,
    /// A row for each event, in a table without a key.
    Append,
}

/// A row for each event.
pub struct Feed;

impl Append for Feed {
    type Event = Moved;
    type Row = Line;
    const NAME: &'static str = "feed";

    fn rows(&self, event: &Recorded<Moved>) -> impl IntoIterator<Item = Line> {
        let moved = &event.event;
        [Line {
            key: format!("{}-{}", event.partition, event.sequence),
            events: 1,
            sum: moved.amount,
            digest: moved.after.digest as i64,
        }]
    }
}

/// The board, by a build that does not know what to do with some events.
pub struct Picky {
    /// Whether it does by now.
    pub mended: Arc<AtomicBool>,
}

/// Whether the build that is not mended fails at an event.
pub fn is_poisoned(moved: &Moved) -> bool {
    (moved.order ^ moved.after.version).is_multiple_of(7)
}

impl Fold for Picky {
    type Event = Moved;
    type Row = Line;
    const NAME: &'static str = "board";

    fn key(&self, event: &Recorded<Moved>) -> Option<String> {
        Board.key(event)
    }

    /// A panic is an event's failure; this one says nothing on the way.
    fn fold(&self, row: Option<Line>, event: &Recorded<Moved>) -> Option<Line> {
        if is_poisoned(&event.event) && !self.mended.load(Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("this build does not know what to do with it"));
        }
        Board.fold(row, event)
    }
}

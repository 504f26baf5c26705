//! How far an import has come, for whoever waits for it.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::thousands;

/// Counts what an import has done, and shows it: as a bar on a terminal, else as lines. A clone
/// counts and shows the same.
#[derive(Clone, Debug)]
pub struct Progress {
    counts: Arc<Counts>,
    bar: ProgressBar,
}

#[derive(Debug, Default)]
struct Counts {
    read: AtomicU64,
    total: AtomicU64,
    cases: AtomicU64,
    entries: AtomicU64,
    appended: AtomicU64,
    rejected: AtomicU64,
}

const LOOK: &str = "{bar:30} {percent:>3}%  {msg}";

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// Nothing done yet.
    pub fn new() -> Self {
        let target = match stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let style = ProgressStyle::with_template(LOOK).expect("the look is a sound template");
        Self {
            counts: Arc::default(),
            bar: ProgressBar::with_draw_target(None, target).with_style(style),
        }
    }

    /// Shows on standard error how it goes, for as long as it is polled.
    pub async fn show(&self) {
        let every = Duration::from_millis(if self.bar.is_hidden() { 2_000 } else { 200 });
        let (began, mut before) = (Instant::now(), (Instant::now(), 0));
        loop {
            tokio::time::sleep(every).await;
            let now = (Instant::now(), self.entries());
            let rate = (now.1 - before.1) as f64 / (now.0 - before.0).as_secs_f64();
            before = now;
            self.draw(rate, began.elapsed());
        }
    }

    fn draw(&self, rate: f64, elapsed: Duration) {
        let (read, total) = (load(&self.counts.read), load(&self.counts.total));
        let message = format!(
            "{} cases, {} entries, {} new, {}/s",
            thousands(load(&self.counts.cases)),
            thousands(self.entries()),
            thousands(self.appended()),
            thousands(rate as u64)
        );
        if self.bar.is_hidden() {
            let percent = 100 * read / total.max(1);
            eprintln!("{percent:>3}% after {} s: {message}", elapsed.as_secs());
        } else {
            self.bar.set_length(total);
            self.bar.set_position(read);
            self.bar.set_message(message);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Cases carried out.
    pub fn cases(&self) -> u64 {
        load(&self.counts.cases)
    }

    /// Entries dealt with: appended, recognised or rejected.
    pub fn entries(&self) -> u64 {
        load(&self.counts.entries)
    }

    /// Events appended.
    pub fn appended(&self) -> u64 {
        load(&self.counts.appended)
    }

    /// Entries rejected.
    pub fn rejections(&self) -> u64 {
        load(&self.counts.rejected)
    }

    pub(super) fn at(&self, (read, total): (u64, u64)) {
        self.counts.read.store(read, Ordering::Relaxed);
        self.counts.total.store(total, Ordering::Relaxed);
    }

    pub(super) fn case_done(&self) {
        add(&self.counts.cases, 1);
    }

    pub(super) fn entry_done(&self, appended: u64) {
        add(&self.counts.entries, 1);
        add(&self.counts.appended, appended);
    }

    pub(super) fn rejected(&self, line: &str) {
        add(&self.counts.rejected, 1);
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

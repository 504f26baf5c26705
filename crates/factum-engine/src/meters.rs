//! What is measured while an engine runs, once for each batch and each takeover.

use std::sync::Arc;
use std::time::Instant;

use factum_core::Append;
use factum_status::Families;
use factum_status::prometheus::{Histogram, HistogramOpts, HistogramVec, exponential_buckets};
use futures::FutureExt;

use crate::status::TakeoverReason;

/// The histograms of an engine. A clone measures into the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Meters(Arc<Histograms>);

#[derive(Debug)]
struct Histograms {
    append: Histogram,
    takeover: HistogramVec,
}

impl Meters {
    pub fn new(aggregate: &str) -> Self {
        let opts = |name: &str, help: &str, (first, factor, count)| {
            let buckets = exponential_buckets(first, factor, count).expect("sound bounds");
            HistogramOpts::new(name, help)
                .const_label("aggregate", aggregate)
                .buckets(buckets)
        };
        let append = opts(
            "factum_engine_append_seconds",
            "How long the log took to acknowledge a batch of events.",
            (0.0001, 2.0, 16), // 0.1 ms to 3 s
        );
        let takeover = opts(
            "factum_engine_takeover_seconds",
            "How long it took to take a partition over, until it took commands.",
            (0.01, 2.0, 15), // 10 ms to 3 min
        );
        Self(Arc::new(Histograms {
            append: Histogram::with_opts(append).expect("sound names"),
            takeover: HistogramVec::new(takeover, &["reason"]).expect("sound names"),
        }))
    }

    /// Measures how long an append takes.
    pub fn append(&self, append: Append) -> Append {
        let (meters, sent) = (self.clone(), Instant::now());
        async move {
            let appended = append.await;
            if appended.is_ok() {
                meters.0.append.observe(sent.elapsed().as_secs_f64());
            }
            appended
        }
        .boxed()
    }

    pub fn takeover(&self, reason: TakeoverReason, seconds: f64) {
        let takeovers = self.0.takeover.with_label_values(&[reason.word()]);
        takeovers.observe(seconds);
    }

    pub fn add_to(&self, families: &mut Families) {
        families.add(&self.0.append);
        families.add(&self.0.takeover);
    }
}

//! Metrics made from a component's status at the moment they are asked for.

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, GaugeVec, Opts};

/// The metric families of one component. All samples carry one label that tells it from others of
/// its kind, such as an engine's `aggregate`.
#[derive(Debug)]
pub struct Families {
    component: (&'static str, String),
    families: Vec<MetricFamily>,
}

impl Families {
    /// None yet; the label is the one that all samples carry.
    pub fn new(label: &'static str, value: impl Into<String>) -> Self {
        Self {
            component: (label, value.into()),
            families: Vec::new(),
        }
    }

    /// Adds a gauge.
    ///
    /// # Panics
    /// The name is not one that Prometheus takes.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.gauges(name, help, None, [("", value)]);
    }

    /// Adds a gauge with one more label, and a sample for each of the label's values.
    ///
    /// # Panics
    /// A name is not one that Prometheus takes.
    pub fn gauges<L: ToString>(
        &mut self,
        name: &str,
        help: &str,
        label: impl Into<Option<&'static str>>,
        samples: impl IntoIterator<Item = (L, f64)>,
    ) {
        let label = label.into();
        let gauges = GaugeVec::new(self.opts(name, help), label.as_slice());
        let gauges = gauges.expect("the names are Prometheus'");
        for (value, sample) in samples {
            let value = label.map(|_| value.to_string());
            gauges.with_label_values(value.as_slice()).set(sample);
        }
        self.add(&gauges);
    }

    /// Adds a counter; its name ends in `_total`.
    ///
    /// # Panics
    /// The name is not one that Prometheus takes.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.counters(name, help, None, [("", value)]);
    }

    /// Adds a counter with one more label, and a sample for each of the label's values.
    ///
    /// # Panics
    /// A name is not one that Prometheus takes.
    pub fn counters<L: ToString>(
        &mut self,
        name: &str,
        help: &str,
        label: impl Into<Option<&'static str>>,
        samples: impl IntoIterator<Item = (L, u64)>,
    ) {
        let label = label.into();
        let counters = CounterVec::new(self.opts(name, help), label.as_slice());
        let counters = counters.expect("the names are Prometheus'");
        for (value, sample) in samples {
            let value = label.map(|_| value.to_string());
            counters
                .with_label_values(value.as_slice())
                .inc_by(sample as f64);
        }
        self.add(&counters);
    }

    /// Adds what is kept up elsewhere, such as a histogram. It brings its own labels.
    pub fn add(&mut self, collector: &impl Collector) {
        self.families.extend(collector.collect());
    }

    /// All that was added.
    pub fn into_vec(self) -> Vec<MetricFamily> {
        self.families
    }

    fn opts(&self, name: &str, help: &str) -> Opts {
        let (label, value) = &self.component;
        Opts::new(name, help).const_label(*label, value)
    }
}

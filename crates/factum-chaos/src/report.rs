//! How a run went, in words and as one line of JSON.

mod soaked;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use soaked::Soaked;

use crate::checker::{Figures, Violation};

/// How one fault went.
#[derive(Clone, Debug)]
pub struct Suffered {
    /// What happened, as in `node-kill`.
    pub kind: String,
    /// The longest time that a partition acknowledged nothing, from the blow until all was well.
    pub silence: Duration,
    /// From the mending until every partition acknowledged, and the read model showed it.
    pub recovery: Duration,
}

/// How a run went.
#[derive(Debug, Default)]
pub struct Report {
    /// The faults, in their order.
    pub suffered: Vec<Suffered>,
    /// What was weighed.
    pub figures: Figures,
    /// What must not be.
    pub violations: Vec<Violation>,
    /// What is worth a look, though it broke no promise.
    pub notes: Vec<String>,
    /// What a soak showed beside that.
    pub soaked: Option<Soaked>,
    /// How long it took, servers included.
    pub took: Duration,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    faults: usize,
    acknowledged: u64,
    violations: usize,
    by_fault: BTreeMap<&'a str, ByFault>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    soak: Option<&'a Soaked>,
}

/// Times are in seconds.
#[derive(Debug, Serialize)]
struct ByFault {
    faults: usize,
    silence_median: f64,
    silence_max: f64,
    recovery_median: f64,
    recovery_max: f64,
}

impl Report {
    /// One line of JSON.
    pub fn json(&self) -> String {
        let line = Line {
            faults: self.suffered.len(),
            acknowledged: self.figures.acknowledged,
            violations: self.violations.len(),
            by_fault: self.by_fault(),
            seconds: seconds(self.took),
            soak: self.soaked.as_ref(),
        };
        serde_json::to_string(&line).expect("numbers are JSON")
    }

    fn by_fault(&self) -> BTreeMap<&str, ByFault> {
        let mut kinds: BTreeMap<&str, Vec<&Suffered>> = BTreeMap::new();
        for suffered in &self.suffered {
            kinds.entry(&suffered.kind).or_default().push(suffered);
        }
        let figures = kinds
            .into_iter()
            .map(|(kind, all)| (kind, ByFault::of(&all)));
        figures.collect()
    }
}

impl ByFault {
    fn of(all: &[&Suffered]) -> Self {
        let sorted = |time: fn(&Suffered) -> Duration| {
            let mut times: Vec<f64> = all.iter().map(|it| seconds(time(it))).collect();
            times.sort_by(f64::total_cmp);
            (times[(times.len() - 1) / 2], times[times.len() - 1])
        };
        let (silence_median, silence_max) = sorted(|it| it.silence);
        let (recovery_median, recovery_max) = sorted(|it| it.recovery);
        Self {
            faults: all.len(),
            silence_median,
            silence_max,
            recovery_median,
            recovery_max,
        }
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 100.0).round() / 100.0
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<18}{:>7}{:>20}{:>20}",
            "", "", "longest silence", "recovery"
        )?;
        writeln!(
            f,
            "{:<18}{:>7}{:>10}{:>10}{:>10}{:>10}",
            "fault", "times", "median", "max", "median", "max"
        )?;
        for (kind, it) in self.by_fault() {
            writeln!(
                f,
                "{kind:<18}{:>7}{:>8.2} s{:>8.2} s{:>8.2} s{:>8.2} s",
                it.faults, it.silence_median, it.silence_max, it.recovery_median, it.recovery_max
            )?;
        }
        let it = &self.figures;
        writeln!(
            f,
            "\n{} commands: {} acknowledged, {} refused, {} submitted, {} whose clients never learned ({} took effect); \
             {} took more than one attempt; attempts by their way: {:?}",
            it.commands,
            it.acknowledged,
            it.refused,
            it.submitted,
            it.open_there + it.open_absent,
            it.open_there,
            it.repeated,
            it.attempts
        )?;
        writeln!(
            f,
            "{} events, {} commands without any; {} commands through the topic; {} claims; \
             records without effect: {:?}",
            it.events, it.handled, it.routed, it.claims, it.voids
        )?;
        if let Some(soaked) = &self.soaked {
            writeln!(f, "\n{soaked}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        for violation in &self.violations {
            writeln!(f, "VIOLATION {violation}")?;
        }
        let (faults, violations) = (self.suffered.len(), self.violations.len());
        write!(
            f,
            "{faults} faults, {violations} violations, {:.0} s",
            self.took.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_what_scripts_ask_for() {
        let suffered = |kind: &str, silence| Suffered {
            kind: kind.to_owned(),
            silence: Duration::from_millis(silence),
            recovery: Duration::from_millis(silence * 2),
        };
        let report = Report {
            suffered: vec![
                suffered("node-kill", 3000),
                suffered("node-kill", 1000),
                suffered("kafka-cut", 500),
            ],
            took: Duration::from_secs(9),
            ..Report::default()
        };
        let line: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(line["faults"], 3);
        assert_eq!(
            (&line["acknowledged"], &line["violations"]),
            (&0.into(), &0.into())
        );
        assert_eq!(line["seconds"], 9.0);
        let kill = &line["by_fault"]["node-kill"];
        assert_eq!(
            (&kill["faults"], &kill["silence_median"]),
            (&2.into(), &1.0.into())
        );
        assert_eq!(
            (&kill["silence_max"], &kill["recovery_max"]),
            (&3.0.into(), &6.0.into())
        );
    }
}

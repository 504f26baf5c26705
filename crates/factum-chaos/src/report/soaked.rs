//! What a soak showed: the programs' figures.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::soak::{Balance, Level};

/// What the programs held in a soak.
#[derive(Debug, Serialize)]
pub struct Soaked {
    /// How long it was.
    #[serde(rename = "seconds", serialize_with = "in_seconds")]
    pub span: Duration,
    /// Commands a second that the clients reached without pauses.
    #[serde(rename = "rate_without_pauses")]
    pub reached: f64,
    /// Commands a second of the soak.
    pub rate: f64,
    /// The processes that lived through the last two thirds of it.
    pub balances: Vec<Balance>,
    /// How many did not.
    pub brief: usize,
}

fn in_seconds<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(span.as_secs_f64().round())
}

impl fmt::Display for Soaked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "soaked for {:.0} s at {:.0} commands a second, of {:.0} without pauses; at first sight, the \
             medians of the second and the last third, and the most:",
            self.span.as_secs_f64(),
            self.rate,
            self.reached
        )?;
        let titles = ["memory (RSS), MiB", "file handles", "threads"];
        let titles = titles.map(|title| format!("{title:>28}")).concat();
        writeln!(f, "{:<12}{titles}", "")?;
        let columns = ["start", "before", "after", "max"].map(|it| format!("{it:>7}"));
        let columns = columns.concat().repeat(3);
        writeln!(f, "{:<12}{columns}", "program")?;
        for it in &self.balances {
            let mebibytes = of(&it.resident, |bytes| {
                format!("{:.1}", bytes as f64 / f64::from(1 << 20))
            });
            let counts = [&it.handles, &it.threads].map(|level| of(level, |it| it.to_string()));
            writeln!(f, "{:<12}{mebibytes}{}", it.program, counts.concat())?;
        }
        write!(f, "{} processes lived for a shorter time", self.brief)
    }
}

fn of(level: &Level, show: fn(u64) -> String) -> String {
    let columns = [level.start, level.before, level.after, level.max];
    columns.map(|it| format!("{:>7}", show(it))).concat()
}

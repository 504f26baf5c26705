//! Whether the read models say what they should.

use crate::figures::Figures;

/// Every figure that is not what was counted straight from the source, as a line for people.
pub fn differences(actual: &Figures, expected: &Figures) -> Vec<String> {
    let all = flatten(actual).into_iter().zip(flatten(expected));
    all.filter(|((_, actual), (_, expected))| actual != expected)
        .map(|((name, actual), (_, expected))| {
            format!("{name}: {actual} in the read models, {expected} counted from the source")
        })
        .collect()
}

fn flatten(figures: &Figures) -> Vec<(String, i64)> {
    let workload = &figures.workload;
    let mut all: Vec<(String, i64)> = [
        ("cases", figures.cases),
        ("events", figures.events),
        ("resources", figures.resources),
        ("workload rows", workload.rows),
        ("work scheduled", workload.scheduled),
        ("work started", workload.started),
        ("work completed", workload.completed),
    ]
    .map(|(name, count)| (name.to_owned(), count as i64))
    .into();
    for (name, totals) in figures.outcomes.iter() {
        all.push((format!("{name} cases"), totals.cases as i64));
        all.push((format!("{name} amount"), totals.amount));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_compared() {
        let expected = Figures::default();
        assert!(differences(&expected, &expected).is_empty());
        let mut actual = Figures {
            cases: 1,
            events: 1,
            resources: 1,
            ..Figures::default()
        };
        for totals in ["activated", "declined", "cancelled", "open"] {
            let totals = actual.outcomes.named(totals).unwrap();
            (totals.cases, totals.amount) = (1, 1);
        }
        let workload = &mut actual.workload;
        (workload.rows, workload.scheduled) = (1, 1);
        (workload.started, workload.completed) = (1, 1);
        let found = differences(&actual, &expected);
        assert_eq!(found.len(), 15);
        assert_eq!(
            found[0],
            "cases: 1 in the read models, 0 counted from the source"
        );
    }
}

//! Every case of the real log, and of the made-up one, obeys every rule; and the read models, folded
//! from what was recorded, show the figures that are counted from the entries.

use std::collections::{BTreeSet, HashMap};

use factum::jiff::Timestamp;
use factum::{Aggregate, Fold, Recorded, Row};
use loans::board::{LoanBoard, LoanRow};
use loans::case::Case;
use loans::figures::{Census, Figures, OutcomeTotals};
use loans::generate::Generator;
use loans::loan::{Loan, RecordLoan};
use loans::record::{Fact, fact};
use loans::work::{RecordWork, Work};
use loans::workload::{UNKNOWN, Workload, WorkloadRow};
use loans::xes::XesReader;

use crate::real_log;

/// The read models, in memory.
#[derive(Default)]
struct Models {
    board: HashMap<String, LoanRow>,
    workload: HashMap<<WorkloadRow as Row>::Key, WorkloadRow>,
}

impl Models {
    /// Records a case entry by entry, then once more.
    fn take(&mut self, case: &Case) {
        let (mut loan, mut work) = (Loan::default(), Work::default());
        for round in 0..2 {
            for (number, entry) in (1..).zip(&case.entries) {
                let place = format!("case {} entry {number}: {entry:?}", case.name);
                let events = match fact(case, number, entry).expect(&place) {
                    Fact::Loan(event) => {
                        let events = loan.decide(RecordLoan(event));
                        let events = events.unwrap_or_else(|no| panic!("{place}: {no}"));
                        events.iter().for_each(|event| loan.apply(event));
                        let board = &mut self.board;
                        events
                            .iter()
                            .for_each(|event| fold(&LoanBoard, board, case, event));
                        events.len()
                    }
                    Fact::Work(event) => {
                        let events = work.decide(RecordWork(event));
                        let events = events.unwrap_or_else(|no| panic!("{place}: {no}"));
                        events.iter().for_each(|event| work.apply(event));
                        let workload = &mut self.workload;
                        events
                            .iter()
                            .for_each(|event| fold(&Workload, workload, case, event));
                        events.len()
                    }
                };
                assert_eq!(events, usize::from(round == 0), "{place}");
            }
        }
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        let mut resources = BTreeSet::new();
        for row in self.board.values() {
            figures.cases += 1;
            figures.events += row.events as u64;
            let outcomes = &mut figures.outcomes;
            let OutcomeTotals { cases, amount } = match row.outcome.as_str() {
                "activated" => &mut outcomes.activated,
                "declined" => &mut outcomes.declined,
                "cancelled" => &mut outcomes.cancelled,
                _ => &mut outcomes.open,
            };
            *cases += 1;
            *amount += row.amount;
            assert_eq!(row.ended_at.is_some(), row.outcome != "open");
            resources.extend(row.resources.iter().cloned());
        }
        for row in self.workload.values() {
            let totals = &mut figures.workload;
            totals.rows += 1;
            totals.scheduled += row.scheduled as u64;
            totals.started += row.started as u64;
            totals.completed += row.completed as u64;
            figures.events += (row.scheduled + row.started + row.completed) as u64;
            resources.insert(row.resource.clone());
        }
        resources.remove(UNKNOWN);
        figures.resources = resources.len() as u64;
        figures
    }
}

fn fold<F: Fold>(
    fold: &F,
    rows: &mut HashMap<<F::Row as Row>::Key, F::Row>,
    case: &Case,
    event: &F::Event,
) where
    F::Event: Clone,
{
    let recorded = Recorded {
        id: case.name.clone(),
        partition: 0,
        offset: 0,
        sequence: 1,
        version: 1,
        time: Timestamp::UNIX_EPOCH,
        command: factum::uuid::Uuid::nil(),
        metadata: Default::default(),
        event: event.clone(),
    };
    let key = fold.key(&recorded).unwrap();
    let row = fold.fold(rows.remove(&key), &recorded).unwrap();
    assert_eq!(row.key(), key);
    rows.insert(key, row);
}

fn check(cases: impl Iterator<Item = Case>) -> Figures {
    let (mut models, mut census) = (Models::default(), Census::default());
    for case in cases {
        census.count(&case);
        models.take(&case);
    }
    let figures = census.figures();
    assert_eq!(models.figures(), figures);
    figures
}

#[test]
fn made_up_cases_obey_the_rules_and_resemble_the_real_ones() {
    let figures = check(Generator::new(13_087, 1));
    eprintln!("{figures:#?}");
    let near = |actual: u64, real: u64| {
        let (low, high) = (real * 85 / 100, real * 115 / 100);
        assert!(
            (low..=high).contains(&actual),
            "{actual}, in the real log {real}"
        );
    };
    assert_eq!(figures.cases, 13_087);
    near(figures.events, 262_200);
    near(figures.outcomes.activated.cases, 2_246);
    near(figures.outcomes.declined.cases, 7_635);
    near(figures.outcomes.cancelled.cases, 2_807);
    near(figures.outcomes.open.cases, 399);
    near(figures.outcomes.activated.amount as u64, 35_290_338);
    near(figures.resources, 68);
}

#[test]
fn the_real_cases_obey_the_rules() {
    let Some(path) = real_log() else {
        return;
    };
    let figures = check(XesReader::open(path).unwrap().map(Result::unwrap));
    let totals = |cases, amount| OutcomeTotals { cases, amount };
    assert_eq!((figures.cases, figures.events), (13_087, 262_200));
    assert_eq!(figures.outcomes.activated, totals(2_246, 35_290_338));
    assert_eq!(figures.outcomes.declined, totals(7_635, 93_078_508));
    assert_eq!(figures.outcomes.cancelled, totals(2_807, 42_561_922));
    assert_eq!(figures.outcomes.open, totals(399, 6_703_743));
    assert_eq!(figures.resources, 68);
}

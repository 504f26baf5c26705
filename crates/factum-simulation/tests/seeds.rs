//! Thousands of seeds break no promise, and each of them is the same every time.

use std::ops::Range;

use factum_simulation::{Figures, run};

#[track_caller]
fn hold(seeds: Range<u64>) {
    let mut figures = Figures::default();
    for seed in seeds {
        let report = run(seed, false);
        figures.add(&report.figures);
        let violations = report.violations.join("\n");
        assert!(
            violations.is_empty(),
            "cargo run -p factum-simulation -- --seed {seed} --trace\n{violations}"
        );
    }
    assert!(figures.parked > 0 && figures.appended > 0, "{figures:?}");
    println!("{figures:?}");
}

#[test]
fn seeds_below_1000_break_no_promise() {
    hold(0..1000);
}

#[test]
fn seeds_below_2000_break_no_promise() {
    hold(1000..2000);
}

#[test]
fn seeds_below_3000_break_no_promise() {
    hold(2000..3000);
}

/// Also when another run was under way on the same thread before, and others are at the same time.
#[test]
fn a_seed_is_the_same_every_time() {
    let first: Vec<_> = (0..200).map(|seed| run(seed, false)).collect();
    for first in first.into_iter().rev() {
        assert_eq!(run(first.seed, false), first);
    }
}

//! The report, for people and for programs.

use std::fmt::Write;

use serde::Serialize;

use super::Report;
use crate::figures::Outcomes;
use crate::import::Summary;
use crate::thousands;

/// The outcomes, and the busiest days.
pub fn table(report: &Report) -> String {
    let mut out = String::new();
    outcomes(&mut out, report).expect("a string takes everything");
    busiest(&mut out, report).expect("a string takes everything");
    out
}

fn outcomes(out: &mut String, report: &Report) -> std::fmt::Result {
    let figures = &report.figures;
    writeln!(
        out,
        "{:<12}{:>12}{:>18}",
        "outcome", "cases", "requested (EUR)"
    )?;
    for (name, totals) in figures.outcomes.iter() {
        let (cases, amount) = (thousands(totals.cases), thousands(totals.amount as u64));
        writeln!(out, "{name:<12}{cases:>12}{amount:>18}")?;
    }
    let amount = figures
        .outcomes
        .iter()
        .map(|(_, totals)| totals.amount)
        .sum::<i64>();
    let (cases, amount) = (thousands(figures.cases), thousands(amount as u64));
    writeln!(out, "{:<12}{cases:>12}{amount:>18}", "all")?;
    let (events, rows) = (thousands(figures.events), thousands(figures.workload.rows));
    let resources = figures.resources;
    writeln!(
        out,
        "\n{events} events by {resources} resources; {rows} rows of workload"
    )
}

fn busiest(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.busiest.is_empty() {
        return Ok(());
    }
    let heads = ["resource", "day", "scheduled", "started", "completed"];
    let [resource, day, rest @ ..] = heads;
    write!(out, "\n{resource:<12}{day:<12}")?;
    rest.iter().try_for_each(|head| write!(out, "{head:>12}"))?;
    writeln!(out)?;
    for row in &report.busiest {
        let (resource, day) = (&row.resource, row.day.to_string());
        write!(out, "{resource:<12}{day:<12}")?;
        let counts = [row.scheduled, row.started, row.completed];
        counts
            .iter()
            .try_for_each(|count| write!(out, "{count:>12}"))?;
        writeln!(out)?;
    }
    Ok(())
}

/// The report as one object, for programs.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    log: Option<&'a str>,
    source: Option<&'a str>,
    cases: u64,
    events: u64,
    outcomes: &'a Outcomes,
    resources: u64,
    appended: Option<u64>,
    seconds: Option<f64>,
}

impl<'a> Line<'a> {
    /// What the read models say, and what only the import knows; that is null without its summary.
    pub fn new(report: &'a Report, summary: Option<&'a Summary>) -> Self {
        let figures = &report.figures;
        Self {
            log: summary.map(|summary| summary.log.as_str()),
            source: summary.map(|summary| summary.source.as_str()),
            cases: figures.cases,
            events: figures.events,
            outcomes: &figures.outcomes,
            resources: figures.resources,
            appended: summary.map(|summary| summary.appended),
            seconds: summary.map(|summary| summary.seconds),
        }
    }
}

//! Functions that read a record or an enum: one for the newest version, and one for each older
//! version that wrote it otherwise.

mod expression;
mod function;

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Ident, TokenStream};
use quote::format_ident;

use super::scope::Scope;
use super::skip::Skips;
use crate::aggregate::Aggregate;
use crate::finding::{Finding, Rule};
use crate::form::Form;
use crate::model::Version;
use crate::plan::{Pair, Plans};
use crate::resolve;
use crate::settings;

/// The functions for every version of every event.
#[derive(Default)]
pub(super) struct Readers {
    pub functions: Vec<TokenStream>,
    /// The function that reads an event's version, in each form.
    entries: BTreeMap<(Form, String, u32), Ident>,
    /// The functions for what the newest version writes, which older versions share.
    shared: BTreeSet<Ident>,
}

impl Readers {
    /// In the forms of `scopes`.
    pub fn new(aggregate: &Aggregate, scopes: &[Scope<'_>], findings: &mut Vec<Finding>) -> Self {
        let mut readers = Self::default();
        for versions in &aggregate.events {
            let Some(newest) = versions.last() else {
                continue;
            };
            for version in versions.iter().rev().filter(|v| !aggregate.is_upcast(v)) {
                let before = findings.len();
                let plans = resolve::plans(version, newest, findings);
                name_the_upcaster(aggregate, version, &mut findings[before..]);
                if let Some(plans) = plans {
                    readers.add((version, newest), &plans, scopes);
                }
            }
        }
        readers
    }

    /// The name of the function that reads the event of that version.
    pub fn entry(&self, version: &Version, scope: Scope<'_>) -> Option<&Ident> {
        self.entries.get(&entry(version, scope))
    }

    fn add(
        &mut self,
        (version, newest): (&Version, &Version),
        plans: &Plans,
        scopes: &[Scope<'_>],
    ) {
        let mut skips = Skips::new(version);
        for &scope in scopes {
            let reading = Reading {
                version,
                newest,
                plans,
                scope,
            };
            self.entries
                .insert(entry(version, scope), reading.name(&plans.root));
            let own = |pair: &Pair| scope.has(&scope.home.place(&pair.read));
            for (pair, plan) in plans.defs.iter().filter(|(pair, _)| own(pair)) {
                let name = reading.name(pair);
                if !plans.is_same(pair) || self.shared.insert(name.clone()) {
                    self.functions
                        .push(reading.function(&name, pair, plan, &mut skips));
                }
            }
        }
        self.functions.extend(skips.functions());
    }
}

fn entry(version: &Version, scope: Scope<'_>) -> (Form, String, u32) {
    let Version { event, version, .. } = version;
    (scope.home.form(), event.clone(), *version)
}

/// What Avro's rules can't read, Rust code can.
fn name_the_upcaster(aggregate: &Aggregate, version: &Version, findings: &mut [Finding]) {
    let Version { event, version, .. } = version;
    let key = format!("{}/{event}", aggregate.name.replace('.', "/"));
    for finding in findings {
        finding.rule = Rule::Unreadable;
        finding.message += &settings::or_upcast(&key, *version);
    }
}

/// One version, to be read as the newest one.
struct Reading<'a> {
    version: &'a Version,
    newest: &'a Version,
    plans: &'a Plans,
    scope: Scope<'a>,
}

impl Reading<'_> {
    /// `read_Money` reads what the newest version writes, `read_Money_from_Submitted_1` what version 1
    /// of the event `Submitted` wrote.
    fn name(&self, pair: &Pair) -> Ident {
        let read = self.scope.home.place(&pair.read).function("read");
        let Version { event, version, .. } = self.version;
        if self.plans.is_same(pair) {
            read
        } else if pair.written == pair.read {
            format_ident!("{read}_from_{event}_{version}")
        } else {
            let written = pair.written.as_str().replace('.', "__");
            format_ident!("{read}_from_{event}_{version}_{written}")
        }
    }
}

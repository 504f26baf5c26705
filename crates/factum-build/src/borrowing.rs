//! Which types of an aggregate have a borrowed form: those that hold text or bytes. All others would be
//! the same in it, and stand in the file once.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::Item;
use crate::finding::Finding;
use crate::place::{Home, Place};

type Items<'a> = BTreeMap<Place, Item<'a>>;

/// The places of these types, in their owned form.
#[derive(Debug, Default)]
pub(crate) struct Borrowing(BTreeSet<Place>);

impl Borrowing {
    /// Of these items, and with one of them the enum over all events; `None` if there is nothing to
    /// borrow.
    pub fn of(home: Home<'_>, items: &Items<'_>, findings: &mut Vec<Finding>) -> Option<Self> {
        let mut known = Self::default();
        // Types may hold each other: what is found of one may tell of others.
        loop {
            let borrowed = home.borrowed(&known);
            let is_new = |(place, item): &(&Place, &Item<'_>)| {
                !known.has(place) && item.types().into_iter().any(|ty| borrowed.borrows(ty))
            };
            let found = items.iter().filter(is_new).map(|(place, _)| place);
            let found: Vec<_> = found.cloned().collect();
            if found.is_empty() {
                break;
            }
            known.0.extend(found);
        }
        if known.0.is_empty() {
            return None;
        }
        known.0.insert(home.event_enum());
        known.check_names(items, findings);
        Some(known)
    }

    pub fn has(&self, place: &Place) -> bool {
        self.0.contains(place)
    }

    /// No other type may be called like a borrowed form.
    fn check_names(&self, items: &Items<'_>, findings: &mut Vec<Finding>) {
        for place in &self.0 {
            let taken = Place {
                borrowed: false,
                ..place.clone().borrowed()
            };
            if let Some(item) = items.get(&taken) {
                let message = format!(
                    "`{}` is the name of the borrowed form of `{}`; rename one, or do without \
                     `borrowed`",
                    taken.name, place.name
                );
                findings.push(item.finding(message));
            }
        }
    }
}

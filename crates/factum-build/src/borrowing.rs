//! Which types of an aggregate have a borrowed form: those that hold text or bytes. All others would be
//! the same in it, and stand in the file once.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::Item;
use crate::place::{Home, Place};

/// The places of these types, in their owned form.
#[derive(Debug, Default)]
pub(crate) struct Borrowing(BTreeSet<Place>);

impl Borrowing {
    /// Of these items, and with one of them the enum over all events; `None` if there is nothing to
    /// borrow.
    pub fn of(home: Home<'_>, items: &BTreeMap<Place, Item<'_>>) -> Option<Self> {
        let mut known = Self::default();
        // Types may hold each other: what is found of one may tell of others.
        loop {
            let borrowed = home.borrowed(&known);
            let is_new = |(place, item): &(&Place, &Item<'_>)| {
                !known.has(place) && item.types().into_iter().any(|ty| borrowed.borrows(ty))
            };
            let found: Vec<_> = items
                .iter()
                .filter(is_new)
                .map(|(place, _)| place)
                .collect();
            if found.is_empty() {
                break;
            }
            known.0.extend(found.into_iter().cloned());
        }
        if known.0.is_empty() {
            return None;
        }
        known.0.insert(home.event_enum());
        Some(known)
    }

    pub fn has(&self, place: &Place) -> bool {
        self.0.contains(place)
    }

    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }
}

//! What was seen of a type so far, and what is to be tried next.

use std::collections::{BTreeMap, BTreeSet};

/// Texts that types often take, tried one after the other.
pub(super) const TEXTS: [&str; 12] = [
    "",
    "a",
    "0",
    "1970-01-01T00:00:00Z",
    "1970-01-01",
    "00:00:00",
    "1970-01-01T00:00:00",
    "1970-01-01T00:00:00+00:00[UTC]",
    "PT1S",
    "00000000-0000-0000-0000-000000000000",
    "127.0.0.1",
    "http://localhost/",
];
/// Numbers that types often take.
pub(super) const NUMBERS: [u8; 4] = [1, 0, 2, 100];
/// Lengths of bytes that types often take: an id, an address, a hash.
pub(super) const LENGTHS: [usize; 6] = [0, 16, 4, 32, 8, 20];

#[derive(Debug, Default)]
pub(super) struct Explorer {
    lines: BTreeSet<String>,
    /// The places that lie above the one at hand.
    path: Vec<String>,
    /// Where a value was made up last, and how many samples there are for it.
    last: Option<(String, usize)>,
    /// Which sample is taken where, other than the first.
    samples: BTreeMap<String, usize>,
    /// For each enum which of its variants were taken, and which of them came to an end.
    enums: BTreeMap<String, Variants>,
    /// Whether the type asked what comes next.
    pub asked: bool,
}

#[derive(Debug, Default)]
struct Variants {
    count: u32,
    taken: BTreeSet<u32>,
    /// Those that were deserialized whole, the one that ended first in front.
    ended: Vec<u32>,
}

impl Explorer {
    pub fn restart(&mut self) {
        self.path.clear();
        self.last = None;
    }

    /// Writes down what the place at hand holds.
    pub fn saw(&mut self, what: &str) {
        let place = self.place();
        self.lines.insert(format!("{place}: {what}"));
    }

    /// Which sample to take at the place at hand, of so many.
    pub fn sample(&mut self, what: &str, count: usize) -> usize {
        self.saw(what);
        let place = self.place();
        let sample = self.samples.get(&place).copied().unwrap_or(0);
        self.last = Some((place, count));
        sample
    }

    /// Takes the next sample where the last value was refused; whether there is one.
    pub fn try_another_sample(&mut self) -> bool {
        let Some((place, count)) = self.last.take() else {
            return false;
        };
        let sample = self.samples.entry(place.clone()).or_default();
        *sample += 1;
        if *sample >= count {
            self.lines.insert(format!("{place}: opaque"));
            return false;
        }
        true
    }

    /// Whether an enum has variants that were never taken.
    pub fn has_more(&self) -> bool {
        let mut enums = self.enums.values();
        enums.any(|it| it.taken.len() < it.count as usize)
    }

    /// Chooses a variant: one that was never taken; else one that is known to end.
    pub fn choose(&mut self, of: &str, count: u32) -> u32 {
        let variants = self.enums.entry(of.to_owned()).or_default();
        variants.count = count;
        let fresh = (0..count).find(|variant| !variants.taken.contains(variant));
        variants.taken.extend(fresh);
        fresh.or(variants.ended.first().copied()).unwrap_or(0)
    }

    pub fn ended(&mut self, of: &str, variant: u32) {
        let variants = self.enums.entry(of.to_owned()).or_default();
        if !variants.ended.contains(&variant) {
            variants.ended.push(variant);
        }
    }

    /// Whether the place at hand lies inside itself: a type that holds itself.
    pub fn is_nested(&self) -> bool {
        let place = self.place();
        self.path.iter().filter(|above| **above == place).count() > 1
    }

    /// Goes into a named type: places inside are told by its name, wherever it is used.
    pub fn enter(&mut self, place: String) {
        self.path.push(place);
    }

    /// Goes into a part of the place at hand.
    pub fn enter_part(&mut self, part: &str) {
        let place = self.place();
        self.path.push(format!("{place}{part}"));
    }

    pub fn leave(&mut self) {
        self.path.pop();
    }

    pub fn depth(&self) -> usize {
        self.path.len()
    }

    fn place(&self) -> String {
        self.path.last().cloned().unwrap_or_default()
    }

    pub fn into_lines(self) -> Vec<String> {
        self.lines.into_iter().collect()
    }
}

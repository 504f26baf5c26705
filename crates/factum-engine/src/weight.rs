//! About how many bytes a state takes in memory, as its `Serialize` tells what it holds.
//!
//! What a checkpoint stores is often much smaller: numbers are packed there, and texts lie one behind
//! the other instead of in allocations of their own.

mod tally;

use serde::Serialize;

use tally::Tally;

/// What a value takes: in its own place, and elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weight {
    /// Its size as a field or an element.
    inline: usize,
    /// Its alignment.
    align: usize,
    /// What it has allocated.
    heap: usize,
}

/// What a `Vec`, a `String` or a map takes in its own place.
const HANDLE: usize = 24;
/// What an allocation takes besides what was asked for, and the multiple that it is rounded up to.
const ALLOCATION: (usize, usize) = (8, 16);

/// The bytes that a state has allocated, about. What a collection holds in reserve is not seen.
pub(crate) fn heap_of<T: Serialize>(state: &T) -> usize {
    let weight = state.serialize(Tally).unwrap_or_default();
    // A collection is told like its elements in a row: the state's own place is known better.
    (weight.inline + weight.heap).saturating_sub(size_of::<T>())
}

impl Weight {
    fn plain(size: usize) -> Self {
        Self {
            inline: size,
            align: size.min(8),
            heap: 0,
        }
    }

    /// An allocation of so many bytes, with what they refer to.
    fn allocated(bytes: usize, heap: usize) -> Self {
        let (besides, multiple) = ALLOCATION;
        let allocation = match bytes {
            0 => 0,
            bytes => (bytes + besides).next_multiple_of(multiple),
        };
        Self {
            inline: HANDLE,
            align: 8,
            heap: allocation + heap,
        }
    }

    /// A field more.
    fn and(self, field: Self) -> Self {
        Self {
            inline: self.inline + field.inline,
            align: self.align.max(field.align),
            heap: self.heap + field.heap,
        }
    }

    /// All fields are there.
    fn padded(self) -> Self {
        Self {
            inline: self.inline.next_multiple_of(self.align.max(1)),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::heap_of;

    #[derive(serde::Serialize)]
    struct Entry {
        number: i64,
        note: String,
        late: bool,
    }

    #[derive(serde::Serialize)]
    enum Kind {
        None,
        Named(String),
        Sized { bytes: Vec<u8> },
    }

    fn entry(note: usize) -> Entry {
        Entry {
            number: 1,
            note: "x".repeat(note),
            late: true,
        }
    }

    #[test]
    fn what_lies_in_the_state_itself_counts_nothing() {
        assert_eq!(heap_of(&7_u64), 0);
        assert_eq!(heap_of(&(1_u8, 2_u64, Some(3_u32))), 0);
        assert_eq!(heap_of(&Vec::<u64>::new()), 0);
        assert_eq!(heap_of(&Kind::None), 0);
    }

    #[test]
    fn allocations_count_what_was_asked_for_and_a_little_more() {
        assert_eq!(heap_of(&"x".repeat(80)), 96);
        assert_eq!(heap_of(&vec![0_u64; 100]), 816);
        let entries: Vec<_> = (0..10).map(|_| entry(80)).collect();
        assert_eq!(heap_of(&entries), 10 * (size_of::<Entry>() + 96) + 16);
        assert_eq!(heap_of(&entry(0)), 0);
    }

    #[test]
    fn enums_count_what_they_hold() {
        let named = heap_of(&Kind::Named("x".repeat(80)));
        assert!((80..=112).contains(&named), "{named}");
        let bytes = vec![0; 1000];
        let sized = heap_of(&Kind::Sized { bytes });
        assert!((1000..=1040).contains(&sized), "{sized}");
    }

    #[test]
    fn a_map_counts_its_keys_and_values() {
        let map: BTreeMap<u64, String> = (0..100).map(|key| (key, "x".repeat(20))).collect();
        let bytes = 100 * (8 + 24 + 32);
        let heap = heap_of(&map);
        assert!((bytes..bytes * 2).contains(&heap), "{heap}");
    }
}

//! The rows that events touch, folded in memory.

use factum_core::Recorded;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::projection::{Key, Rows};
use crate::{Changes, KeyError, MultiFold, Row};

/// Rows as they are after the events folded so far, by their keys.
pub struct FoldedRows<F: MultiFold> {
    slots: IndexMap<Key<F>, Slot<F::Row>, FxBuildHasher>,
    /// How many of them changed.
    changed: usize,
}

/// A row on its way.
struct Slot<R> {
    row: Option<R>,
    /// Whether the table holds a row of this key.
    stored: bool,
    /// Whether the table's row is another.
    changed: bool,
}

/// Which event of a batch touches which row.
pub struct Touched {
    /// Pairs of an event and a slot by their indexes; in order, each once.
    pairs: Vec<(u32, u32)>,
    /// Slots from here on were not known before.
    new: usize,
}

/// What is to be written, in the order of the keys.
pub struct Unwritten<'a, R: Row> {
    /// Rows that the table does not hold.
    pub insert: Vec<&'a R>,
    /// Rows that the table holds, as they are now.
    pub update: Vec<&'a R>,
    /// Keys of rows that are to go.
    pub delete: Vec<&'a R::Key>,
}

impl<R: Row> Unwritten<'_, R> {
    pub(crate) fn nothing() -> Self {
        Self {
            insert: Vec::new(),
            update: Vec::new(),
            delete: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.insert.len() + self.update.len() + self.delete.len()
    }
}

impl<F: MultiFold> Default for FoldedRows<F> {
    fn default() -> Self {
        Self {
            slots: IndexMap::default(),
            changed: 0,
        }
    }
}

impl<F: MultiFold> Rows<F> for FoldedRows<F> {
    type Touched = Touched;

    fn touch(&mut self, fold: &F, events: &[Recorded<F::Event>]) -> Touched {
        let new = self.slots.len();
        let mut pairs = Vec::with_capacity(events.len());
        for (at, event) in (0..).zip(events) {
            for key in fold.keys(event) {
                let entry = self.slots.entry(key);
                pairs.push((at, entry.index() as u32));
                entry.or_insert(Slot::EMPTY);
            }
        }
        // An event's keys are a set. Those of events with one key are in order as they are.
        pairs.sort_unstable();
        pairs.dedup();
        Touched { pairs, new }
    }

    fn missing(&self, touched: &Touched) -> Vec<&Key<F>> {
        let slots = self.slots.get_range(touched.new..);
        let mut keys: Vec<_> = slots.map_or_else(Vec::new, |slots| slots.keys().collect());
        keys.sort_unstable();
        keys
    }

    fn load(&mut self, rows: Vec<F::Row>, touched: &Touched) -> Result<(), KeyError> {
        for row in rows {
            let key = row.key();
            match self.slots.get_full_mut(&key) {
                Some((at, _, slot)) if at >= touched.new && !slot.stored => {
                    slot.row = Some(row);
                    slot.stored = true;
                }
                _ => {
                    return Err(KeyError::Loaded {
                        projection: F::NAME,
                        table: F::Row::TABLE,
                        found: format!("{key:?}"),
                    });
                }
            }
        }
        Ok(())
    }

    fn fold(
        &mut self,
        fold: &F,
        events: &[Recorded<F::Event>],
        touched: &Touched,
    ) -> Result<(), KeyError> {
        for &(at, index) in &touched.pairs {
            let event = &events[at as usize];
            let (key, slot) = self.slots.get_index_mut(index as usize).expect("touched");
            slot.row = fold.fold(key, slot.row.take(), event);
            match &slot.row {
                Some(row) if !row.has_key(key) => return Err(another_key::<F>(key, row, event)),
                _ => {}
            }
            self.changed += usize::from(!slot.changed);
            slot.changed = true;
        }
        Ok(())
    }

    fn unwritten(&self) -> Unwritten<'_, F::Row> {
        let mut unwritten = Unwritten::nothing();
        let changed = self.slots.iter().filter(|(_, slot)| slot.changed);
        let mut changed: Vec<_> = changed.collect();
        changed.sort_unstable_by_key(|(key, _)| *key);
        for (key, slot) in changed {
            match (&slot.row, slot.stored) {
                (Some(row), false) => unwritten.insert.push(row),
                (Some(row), true) => unwritten.update.push(row),
                (None, true) => unwritten.delete.push(key),
                (None, false) => {}
            }
        }
        unwritten
    }

    fn new_keys(&self) -> impl Iterator<Item = &Key<F>> {
        let new = |slot: &Slot<F::Row>| slot.changed && !slot.stored && slot.row.is_some();
        let slots = self.slots.iter().filter(move |(_, slot)| new(slot));
        slots.map(|(key, _)| key)
    }

    fn written(&mut self) {
        for slot in self.slots.values_mut().filter(|slot| slot.changed) {
            slot.changed = false;
            slot.stored = slot.row.is_some();
        }
        self.changed = 0;
    }

    fn changed(&self) -> usize {
        self.changed
    }

    fn bytes(&self, each: usize) -> usize {
        let slot = size_of::<usize>() * 3 + size_of::<Key<F>>() + size_of::<Slot<F::Row>>();
        // A key is in its row, too.
        self.slots.capacity() * slot + self.slots.len() * 2 * each
    }

    fn forget_written(&mut self) {
        self.slots.retain(|_, slot| slot.changed);
        self.slots.shrink_to(2 * self.slots.len());
    }

    fn into_changes(self) -> Changes<F::Row> {
        let mut changes = Changes::nothing();
        let mut slots: Vec<_> = self.slots.into_iter().collect();
        slots.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (key, slot) in slots {
            match (slot.row, slot.stored) {
                (Some(row), false) => changes.insert.push(row),
                (Some(row), true) if slot.changed => changes.update.push(row),
                (None, true) => changes.delete.push(key),
                _ => {}
            }
        }
        changes
    }
}

impl<R> Slot<R> {
    const EMPTY: Self = Self {
        row: None,
        stored: false,
        changed: false,
    };
}

/// The error of an event that is answered with a row of another key. Each is looked at, not only the last of a batch:
/// else it would depend on where batches end what is refused.
#[cold]
fn another_key<F: MultiFold>(
    expected: &Key<F>,
    row: &F::Row,
    event: &Recorded<F::Event>,
) -> KeyError {
    KeyError::Folded {
        projection: F::NAME,
        id: event.id.clone(),
        partition: event.partition,
        offset: event.offset,
        expected: format!("{expected:?}"),
        found: format!("{:?}", row.key()),
    }
}

#[cfg(test)]
mod tests;

//! The aggregates of a partition that are in memory, what of them changed since the last checkpoint,
//! and which of them may be dropped because a checkpoint has them.

use std::mem::size_of;
use std::sync::Arc;

use compact_str::CompactString;
use factum_core::Aggregate;
use factum_host::{Guard, holds};
use rustc_hash::FxHashMap;

use crate::checkpoints::Encode;
use crate::snapshot::States;

/// The aggregates in memory, by id; short ids lie in the map itself.
pub(crate) struct Aggregates<A> {
    /// Used lately.
    young: Generation<A>,
    /// Not used since it was young: the next to be dropped.
    old: Generation<A>,
    /// Whether an aggregate that is not here does not exist.
    whole: bool,
    /// `None` where no checkpoints are kept: then nothing is noted of changes.
    changes: Option<Changes<A>>,
    /// About how many bytes a state has allocated.
    weigh: fn(&A) -> usize,
}

/// An aggregate and its version: how many events it has emitted.
#[derive(Default)]
pub(crate) struct Versioned<A> {
    pub version: u64,
    /// The round in which it changed; 0 if the newest snapshot has it.
    changed: u32,
    /// About how many bytes it had allocated when it was read from a checkpoint or put into one.
    weight: u32,
    pub state: A,
}

type Map<A> = FxHashMap<CompactString, Versioned<A>>;

struct Generation<A> {
    map: Map<A>,
    /// The map's places, full or free. Its capacity does not tell them: that falls as entries are removed, and
    /// the memory stays.
    slots: usize,
    /// Bytes besides the map's own.
    heap: usize,
}

/// What changed since the last snapshot. A snapshot of many states is taken in steps: one that is
/// about to change before its turn has come is taken first.
struct Changes<A> {
    encode: Encode<A>,
    /// Grows with every snapshot. What changed in this round belongs to the next one, what changed
    /// in the round before to the one that is being taken.
    round: u32,
    ids: Vec<CompactString>,
    /// About how many bytes those of `ids` take, as they were when they began to change.
    bytes: usize,
    /// How many events changed any of them, and what one of them weighs by the last samples.
    events: u32,
    sample: usize,
    /// What is still to be taken of the snapshot at hand.
    left: Vec<CompactString>,
    taken: States,
    failed: Option<postcard::Error>,
    /// The snapshot that was taken and is not stored yet.
    unsaved: Option<Arc<States>>,
}

/// What a state counts at least that changed.
const LEAST_BYTES: usize = 64;
/// After how many events the states that changed are weighed again, as they grow, and how many of them.
const SAMPLE_AFTER: u32 = 512;
const SAMPLES: usize = 16;

impl<A> Default for Generation<A> {
    fn default() -> Self {
        Self {
            map: Map::default(),
            slots: 0,
            heap: 0,
        }
    }
}

impl<A> Generation<A> {
    /// About how many bytes it takes.
    fn bytes(&self) -> usize {
        self.slots * (size_of::<(CompactString, Versioned<A>)>() + 1) + self.heap
    }

    fn insert(&mut self, id: CompactString, aggregate: Versioned<A>) {
        self.heap += heap(&id, aggregate.weight);
        self.map.insert(id, aggregate);
        // A map fills seven eighths of its places, whose number is a power of two.
        let slots = (self.map.capacity() * 8 / 7).next_power_of_two();
        self.slots = self.slots.max(slots);
    }

    fn remove(&mut self, id: &str) -> Option<(CompactString, Versioned<A>)> {
        let (id, aggregate) = self.map.remove_entry(id)?;
        self.heap -= heap(&id, aggregate.weight);
        Some((id, aggregate))
    }
}

fn heap(id: &CompactString, weight: u32) -> usize {
    weight as usize + if id.is_heap_allocated() { id.len() } else { 0 }
}

/// A weight as it is kept.
fn saturated(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl<A: Aggregate> Aggregates<A> {
    /// No aggregates at all. With `encode`, changes are noted for checkpoints.
    pub fn none(encode: Option<Encode<A>>) -> Self {
        Self {
            young: Generation::default(),
            old: Generation::default(),
            whole: true,
            changes: encode.map(Changes::new),
            weigh: |_| 0,
        }
    }

    /// Lets states count what they take besides their place in the map.
    pub fn weighed_by(self, weigh: fn(&A) -> usize) -> Self {
        Self { weigh, ..self }
    }

    /// How many aggregates are in memory.
    pub fn len(&self) -> usize {
        self.young.map.len() + self.old.map.len()
    }

    /// Aggregates that a checkpoint has, none of which is here yet.
    pub fn elsewhere(encode: Encode<A>) -> Self {
        Self {
            whole: false,
            ..Self::none(Some(encode))
        }
    }

    /// Takes in an aggregate that a checkpoint has.
    pub fn insert_stored(&mut self, id: CompactString, version: u64, state: A) {
        let aggregate = Versioned {
            version,
            changed: 0,
            weight: saturated((self.weigh)(&state)),
            state,
        };
        self.young.insert(id, aggregate);
    }

    /// Counts aggregates as used, and returns those that are not here and may exist.
    pub fn missing<'i>(&mut self, ids: impl Iterator<Item = &'i str>) -> Vec<CompactString> {
        if self.whole {
            return Vec::new();
        }
        let mut missing: Vec<_> = ids.filter(|id| !self.touch(id)).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.into_iter().map(CompactString::from).collect()
    }

    pub fn get(&self, id: &str) -> Option<&Versioned<A>> {
        self.young
            .map
            .get(id)
            .or_else(|| match self.old.map.is_empty() {
                true => None,
                false => self.old.map.get(id),
            })
    }

    /// Counts an aggregate as used; whether it is here.
    pub fn touch(&mut self, id: &str) -> bool {
        if self.young.map.contains_key(id) {
            return true;
        }
        match self.old.remove(id) {
            Some((id, aggregate)) => self.young.insert(id, aggregate),
            None => return false,
        }
        true
    }

    /// Changes an aggregate by its events, and returns its version.
    pub fn apply<'e>(&mut self, id: &str, events: impl IntoIterator<Item = &'e A::Event>) -> u64
    where
        A::Event: 'e,
    {
        if !self.old.map.is_empty() {
            self.touch(id);
        }
        let aggregate = match self.young.map.get_mut(id) {
            Some(aggregate) => aggregate,
            None => {
                self.young.insert(id.into(), Versioned::default());
                self.young.map.get_mut(id).expect("it was just put there")
            }
        };
        if let Some(changes) = &mut self.changes {
            changes.note(id, aggregate);
        }
        let version = aggregate.apply(events);
        self.sample();
        version
    }

    /// Weighs a few of the states that changed, from time to time: one that grows is noted only once.
    fn sample(&mut self) {
        let Some(changes) = &mut self.changes else {
            return;
        };
        if !changes.events.is_multiple_of(SAMPLE_AFTER) {
            return;
        }
        let step = changes.ids.len().div_ceil(SAMPLES).max(1);
        let (mut count, mut sum) = (0, 0);
        for id in changes.ids.iter().step_by(step) {
            let aggregate = self.young.map.get(id).or_else(|| self.old.map.get(id));
            sum += aggregate.map_or(0, |aggregate| (self.weigh)(&aggregate.state));
            count += 1;
        }
        changes.sample = sum / count.max(1);
    }

    /// About how many bytes of states changed since the last snapshot; 0 if none did.
    pub fn changed_bytes(&self) -> usize {
        self.changes.as_ref().map_or(0, Changes::bytes)
    }

    /// Begins a snapshot of what changed since the last one, which must be stored.
    pub fn begin_snapshot(&mut self) {
        if let Some(changes) = &mut self.changes {
            debug_assert!(changes.left.is_empty() && changes.unsaved.is_none());
            changes.round += 1;
            changes.left = std::mem::take(&mut changes.ids);
            changes.bytes = 0;
        }
    }

    /// Takes up to so many states into the snapshot at hand; whether it is complete.
    pub fn take(&mut self, count: usize) -> bool {
        let Some(changes) = &mut self.changes else {
            return true;
        };
        let from = changes.left.len() - count.min(changes.left.len());
        for id in changes.left.drain(from..) {
            let (generation, aggregate) = match self.young.map.get_mut(&id) {
                Some(aggregate) => (&mut self.young.heap, aggregate),
                None => match self.old.map.get_mut(&id) {
                    Some(aggregate) => (&mut self.old.heap, aggregate),
                    None => continue,
                },
            };
            if aggregate.changed + 1 == changes.round {
                let before = aggregate.weight as usize;
                let taken = changes
                    .taken
                    .push(&id, |out| aggregate.encode(changes.encode, out));
                match taken {
                    Ok(_) => {
                        aggregate.weight = saturated((self.weigh)(&aggregate.state));
                        *generation = *generation + aggregate.weight as usize - before;
                    }
                    Err(error) => changes.failed = Some(error),
                }
                aggregate.changed = 0;
            }
        }
        changes.left.is_empty()
    }

    /// The snapshot at hand, once it is complete.
    ///
    /// # Errors
    /// A state could not be encoded.
    pub fn finish_snapshot(&mut self) -> Result<Arc<States>, postcard::Error> {
        let Some(changes) = &mut self.changes else {
            return Ok(Arc::default());
        };
        if let Some(error) = changes.failed.take() {
            return Err(error);
        }
        let states = Arc::new(std::mem::take(&mut changes.taken));
        changes.unsaved = Some(states.clone());
        Ok(states)
    }

    /// Takes note that the snapshot was stored: what it holds may be dropped.
    pub fn saved(&mut self) {
        if let Some(changes) = &mut self.changes {
            changes.unsaved = None;
        }
    }

    /// Takes note that the snapshot could not be stored: what it holds belongs to the next one.
    pub fn not_saved(&mut self) {
        let Some(changes) = &mut self.changes else {
            return;
        };
        let Some(unsaved) = changes.unsaved.take() else {
            return;
        };
        for id in unsaved.ids() {
            let aggregate = match self.young.map.get_mut(id) {
                Some(aggregate) => aggregate,
                None => match self.old.map.get_mut(id) {
                    Some(aggregate) => aggregate,
                    None => continue,
                },
            };
            if aggregate.changed == 0 {
                changes.note(id, aggregate);
            }
        }
    }

    /// Drops what was not used lately, if that takes more than its share of so many bytes, and
    /// returns it to be freed elsewhere. What no checkpoint has yet stays.
    pub fn evict(&mut self, bytes: usize) -> Option<impl Send + use<A>> {
        let changes = self.changes.as_ref()?;
        // Two generations of half the bytes each; while much has to stay, dropping would gain little.
        let is_full = self.young.bytes() >= bytes / 2
            || !self.old.map.is_empty() && self.young.bytes() + self.old.bytes() >= bytes;
        if !is_full || changes.pinned() > self.len() / 2 {
            return None;
        }
        let mut dropped = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        if !dropped.map.is_empty() {
            self.whole = false;
        }
        for id in changes.pins().filter(|_| holds(Guard::Saved)) {
            if let Some((id, aggregate)) = dropped.remove(id) {
                self.young.insert(id, aggregate);
            }
        }
        Some(dropped.map)
    }
}

impl<A> Changes<A> {
    fn new(encode: Encode<A>) -> Self {
        Self {
            encode,
            round: 1,
            ids: Vec::new(),
            bytes: 0,
            events: 0,
            sample: 0,
            left: Vec::new(),
            taken: States::default(),
            failed: None,
            unsaved: None,
        }
    }

    /// Notes that an aggregate is about to change.
    fn note(&mut self, id: &str, aggregate: &mut Versioned<A>) {
        self.events = self.events.wrapping_add(1);
        if aggregate.changed == self.round {
            return;
        }
        if aggregate.changed != 0 && holds(Guard::Whole) {
            // Its turn in the snapshot at hand has not come: it goes there as it is now.
            let encode = self.encode;
            if let Err(error) = self.taken.push(id, |out| aggregate.encode(encode, out)) {
                self.failed = Some(error);
            }
        }
        aggregate.changed = self.round;
        self.bytes += LEAST_BYTES.max(aggregate.weight as usize) + id.len();
        self.ids.push(id.into());
    }

    /// About how many bytes those take that changed.
    fn bytes(&self) -> usize {
        self.bytes.max(self.ids.len() * self.sample)
    }

    /// The aggregates that no checkpoint has as they are.
    fn pins(&self) -> impl Iterator<Item = &CompactString> {
        let unsaved = self.unsaved.iter().flat_map(|states| states.ids());
        let at_hand = self.left.iter().chain(self.taken.ids());
        self.ids.iter().chain(at_hand).chain(unsaved)
    }

    fn pinned(&self) -> usize {
        let unsaved = self.unsaved.as_ref().map_or(0, |states| states.ids().len());
        self.ids.len() + self.left.len() + self.taken.ids().len() + unsaved
    }
}

impl<A> Versioned<A> {
    /// Appends what a checkpoint stores: the version, and the state.
    fn encode(&self, encode: Encode<A>, out: &mut Vec<u8>) -> Result<(), postcard::Error> {
        out.extend_from_slice(&self.version.to_le_bytes());
        encode(&self.state, out)
    }
}

impl<A: Aggregate> Versioned<A> {
    fn apply<'e>(&mut self, events: impl IntoIterator<Item = &'e A::Event>) -> u64
    where
        A::Event: 'e,
    {
        for event in events {
            self.state.apply(event);
            self.version += 1;
        }
        self.version
    }
}

#[cfg(test)]
mod tests {
    use factum_core::{DecodeError, Event};

    use super::*;

    /// Keeps all that it was ever told.
    #[derive(Default)]
    struct Diary(Vec<u8>);

    struct Told([u8; 100]);

    impl Event for Told {
        const AGGREGATE: &'static str = "test.diary";

        fn name(&self) -> &'static str {
            "Told"
        }

        fn encode(&self, out: &mut Vec<u8>) {
            out.extend_from_slice(&self.0);
        }

        fn decode(value: &[u8]) -> Result<Self, DecodeError> {
            let told = value.try_into();
            told.map(Self).map_err(|_| DecodeError::new("no diary's"))
        }
    }

    impl Aggregate for Diary {
        type Command = ();
        type Event = Told;
        type Rejection = ();

        fn decide(&self, (): ()) -> Result<Vec<Told>, ()> {
            Err(())
        }

        fn apply(&mut self, event: &Told) {
            self.0.extend_from_slice(&event.0);
        }
    }

    fn encode(diary: &Diary, out: &mut Vec<u8>) -> Result<(), postcard::Error> {
        out.extend_from_slice(&diary.0);
        Ok(())
    }

    #[test]
    fn states_that_grow_count_what_they_have_become() {
        let diaries = Aggregates::none(Some(encode as Encode<Diary>));
        let mut diaries = diaries.weighed_by(|diary| diary.0.len());
        for _ in 0..60 {
            for diary in 0..100 {
                diaries.apply(&format!("diary-{diary}"), [&Told([7; 100])]);
            }
        }
        let (grown, counted) = (100 * 60 * 100, diaries.changed_bytes());
        assert!(counted > grown * 8 / 10, "{counted} of {grown}");
        assert!(counted < grown * 11 / 10, "{counted} of {grown}");
        diaries.begin_snapshot();
        assert_eq!(diaries.changed_bytes(), 0);
        assert!(diaries.take(usize::MAX));
        let heap = diaries.young.heap;
        assert_eq!(heap, grown, "what was taken counts as it is");
    }

    /// A generation of so many aggregates.
    fn generation(count: usize) -> Generation<Diary> {
        let mut generation = Generation::default();
        for number in 0..count {
            let id = CompactString::from(number.to_string());
            generation.insert(id, Versioned::default());
        }
        generation
    }

    #[test]
    fn a_generation_counts_the_places_that_its_map_has() {
        let place = size_of::<(CompactString, Versioned<Diary>)>() + 1;
        let slots = |count| generation(count).bytes() / place;
        assert_eq!([0, 1, 28, 29, 56, 57].map(slots), [0, 4, 32, 64, 64, 128]);
    }

    #[test]
    fn what_is_removed_from_a_generation_leaves_its_memory() {
        let mut generation = generation(56);
        let before = generation.bytes();
        for number in 0..50 {
            assert!(generation.remove(&number.to_string()).is_some());
        }
        assert_eq!(generation.bytes(), before);
    }
}

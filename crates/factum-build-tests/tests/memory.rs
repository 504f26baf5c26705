//! What is read takes memory in proportion to its bytes, whatever they claim.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::{self, Reader, frame, write};
use factum_build_tests::rich::{Kept, RichEvent, RichEventRef};
use factum_build_tests::speed::{Moved, SpeedEvent, SpeedEventRef};
use factum_build_tests::unions::{Changed, UnionsEvent, UnionsEventRef};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

/// Counts each thread's own allocations.
struct Counting;

thread_local! {
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.get() + layout.size();
        LIVE.set(live);
        PEAK.set(PEAK.get().max(live));
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get().saturating_sub(layout.size()));
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes in use while `read` reads a value.
fn peak_of<T>(value: &[u8], read: impl FnOnce(&[u8]) -> T) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    drop(read(value));
    PEAK.get().saturating_sub(before)
}

fn framed(fingerprint: u64, datum: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    frame::write(&mut value, fingerprint);
    value.extend_from_slice(datum);
    value
}

/// The most bytes in use while the value is read.
fn peak<E: Event>(fingerprint: u64, datum: &[u8]) -> usize {
    peak_of(&framed(fingerprint, datum), |value| drop(E::decode(value)))
}

/// A byte may be an empty list or a null, which takes some hundred bytes in Rust. Items without bytes
/// are bounded by their number.
fn bound(datum: &[u8]) -> usize {
    (1 << 20) + datum.len() * 500
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn memory_is_bounded_by_bytes(datum in prop::collection::vec(prop_oneof![0..8_u8, any::<u8>()], 0..400)) {
        prop_assert!(peak::<RichEvent>(Kept::FINGERPRINT_1, &datum) <= bound(&datum));
        prop_assert!(peak::<UnionsEvent>(Changed::FINGERPRINT_1, &datum) <= bound(&datum));
        prop_assert!(peak::<UnionsEvent>(Changed::FINGERPRINT_2, &datum) <= bound(&datum));
        let rich = peak_of(&framed(Kept::FINGERPRINT_1, &datum), |value| {
            drop(RichEventRef::decode(value, &mut Vec::new()));
        });
        prop_assert!(rich <= bound(&datum));
        let unions = peak_of(&framed(Changed::FINGERPRINT_1, &datum), |value| {
            drop(UnionsEventRef::decode(value, &mut Vec::new()));
        });
        prop_assert!(unions <= bound(&datum));
    }
}

/// Version 1 of `Changed` up to its field `empties`, whose items take no bytes, but do in Rust.
fn empties(count: i64) -> Vec<u8> {
    let mut datum = vec![0; 3]; // wider: int 0, plain 0
    datum.extend([0; 3]); // nullable: null; single: int 0
    datum.extend([0; 2]); // swapped: Frozen 0
    datum.extend([0; 2]); // renamed, goneUnion: null
    datum.extend([0; 2]); // tree: 0, no children
    datum.extend([0; 2]); // goneTree: null; goneEmpties: none
    write::long(&mut datum, count);
    datum
}

#[test]
fn items_without_bytes_are_refused_over_their_bound() {
    let few = peak::<UnionsEvent>(Changed::FINGERPRINT_1, &empties(60_000));
    assert!((60_000 * 4..1 << 20).contains(&few), "{few}");
    for count in [65_537, 1 << 31, i64::MAX] {
        let most = peak::<UnionsEvent>(Changed::FINGERPRINT_1, &empties(count));
        assert!(most < 1_000, "{most}");
    }
}

#[test]
fn an_event_that_borrows_takes_no_memory() {
    let mut datum = Vec::new();
    write::uuid(&mut datum, Uuid::from_u128(7));
    write::long(&mut datum, -7);
    write::string(&mut datum, "rent");
    write::timestamp_micros(&mut datum, Timestamp::UNIX_EPOCH);
    let value = framed(Moved::FINGERPRINT_1, &datum);
    let owned = peak_of(&value, |value| {
        let SpeedEvent::Moved(moved) = SpeedEvent::decode(value).unwrap() else {
            panic!("another event");
        };
        assert_eq!(moved.purpose, "rent");
    });
    assert_eq!(owned, "rent".len());
    let mut spare = Vec::new();
    let borrowed = peak_of(&value, |value| {
        let SpeedEventRef::Moved(moved) = SpeedEventRef::decode(value, &mut spare).unwrap() else {
            panic!("another event");
        };
        assert_eq!(moved.purpose, "rent");
    });
    assert_eq!(borrowed, 0);
}

/// Arrays within arrays.
struct Nest(#[allow(dead_code, reason = "only its memory counts")] Vec<Nest>);

fn read_nest(input: &mut Reader<'_>) -> Result<Nest, schema::DecodeError> {
    input.nested(|input| input.array(1, read_nest)).map(Nest)
}

/// Each of these arrays says that it has as many items as bytes are left, and then comes the next within it.
#[test]
fn arrays_within_arrays_do_not_promise_the_same_bytes() {
    let len: usize = 1 << 20;
    let mut datum = Vec::new();
    for _ in 0..127 {
        write::long(&mut datum, (len - 1_000) as i64);
    }
    datum.resize(len, 0x80);
    let most = peak_of(&datum, |value| {
        let read = read_nest(&mut Reader::new(value));
        assert!(read.is_err());
    });
    assert!((len / 2..2 * len).contains(&most), "{most}");
}

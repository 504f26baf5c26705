//! A false number of items allocates no more than the bytes that claim it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use factum_build_tests::everything::{EverythingEvent, EverythingEventRef, Happened};
use factum_build_tests::factum::schema::{frame, write};
use factum_build_tests::factum::{DecodeError, Event};

/// Remembers the largest single allocation.
struct Watched;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// A value of `Happened` up to its field `parts`, where as many parts are claimed as could be there.
fn claims_parts(bytes: usize) -> Vec<u8> {
    let mut value = Vec::new();
    frame::write(&mut value, Happened::FINGERPRINT_1);
    value.extend_from_slice(&[0; 3]);
    value.extend_from_slice(&[0; 4 + 8]);
    value.extend_from_slice(&[0; 2 + 3]);
    write::string(&mut value, "123e4567-e89b-12d3-a456-426614174000");
    value.extend_from_slice(&[0; 16]);
    value.extend_from_slice(&[0; 6]);
    write::long(&mut value, i64::try_from(bytes / 18).unwrap());
    value.resize(value.len() + bytes, 0x7f); // each a length of -64
    value
}

/// The largest single allocation while the value is refused.
fn largest<T>(value: &[u8], decode: impl FnOnce(&[u8]) -> Result<T, DecodeError>) -> usize {
    LARGEST.store(0, Ordering::Relaxed);
    let refused = decode(value).err().unwrap();
    let largest = LARGEST.load(Ordering::Relaxed);
    let error = refused.to_string();
    assert!(error.contains("a length or a number of items"), "{error}");
    largest
}

#[test]
fn a_false_number_of_items_allocates_no_more_than_its_bytes() {
    let value = claims_parts(1 << 20);
    let owned = largest(&value, EverythingEvent::decode);
    let borrowed = largest(&value, |value| {
        EverythingEventRef::decode(value, &mut Vec::new()).map(drop)
    });
    for largest in [owned, borrowed] {
        assert!(
            largest > 1 << 19,
            "the claim was not reached: {largest} bytes"
        );
        assert!(
            largest <= value.len(),
            "{largest} bytes for {}",
            value.len()
        );
    }
}

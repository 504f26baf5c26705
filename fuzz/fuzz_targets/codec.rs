//! Generated code on any bytes: an event or an error, in memory that their number bounds. An event
//! is written and read as itself.
#![no_main]

use factum_build_tests::everything::{EverythingEvent, Happened};
use factum_build_tests::evolution::{Changed, EvolutionEvent};
use factum_build_tests::factum::Event;
use factum_build_tests::factum::schema::frame;
use factum_build_tests::rich::{Kept, RichEvent};
use factum_build_tests::unions::{self, UnionsEvent};
use factum_fuzz::{Counting, within};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The first byte says which schema wrote the rest.
fn read(bytes: &[u8]) {
    let Some((which, datum)) = bytes.split_first() else {
        return;
    };
    match which % 8 {
        0 => survives::<RichEvent>(Kept::FINGERPRINT_1, datum),
        1 => survives::<EverythingEvent>(Happened::FINGERPRINT_1, datum),
        2 => survives::<EvolutionEvent>(Changed::FINGERPRINT_1, datum),
        3 => survives::<EvolutionEvent>(Changed::FINGERPRINT_2, datum),
        4 => survives::<UnionsEvent>(unions::Changed::FINGERPRINT_1, datum),
        5 => survives::<UnionsEvent>(unions::Changed::FINGERPRINT_2, datum),
        _ => drop(RichEvent::decode(datum)),
    }
}

fn survives<E: Event>(fingerprint: u64, datum: &[u8]) {
    let mut value = Vec::new();
    frame::write(&mut value, fingerprint);
    value.extend_from_slice(datum);
    // A byte may be a null or an empty list, which takes up to some hundred bytes in Rust; items
    // without bytes are bounded by their number.
    let Ok(event) = within((16 << 20) + datum.len() * 1_000, || E::decode(&value)) else {
        return;
    };
    let mut once = Vec::new();
    event.encode(&mut once);
    let mut twice = Vec::new();
    E::decode(&once).expect("what was read can be written").encode(&mut twice);
    assert_eq!(once, twice);
}

fuzz_target!(|bytes: &[u8]| read(bytes));

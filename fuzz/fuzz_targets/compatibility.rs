//! See `factum_fuzz::compatibility`.
#![no_main]

use factum_fuzz::{Counting, compatibility};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|bytes: &[u8]| compatibility::run(bytes));

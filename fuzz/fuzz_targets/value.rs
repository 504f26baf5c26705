//! See `factum_fuzz::value`.
#![no_main]

use factum_fuzz::{Counting, value};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|bytes: &[u8]| value::run(bytes));

//! See `factum_fuzz::resolution`.
#![no_main]

use factum_fuzz::{Counting, resolution};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|bytes: &[u8]| resolution::run(bytes));

//! See `factum_fuzz::framing`.
#![no_main]

use factum_fuzz::{Counting, framing};
use libfuzzer_sys::fuzz_target;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|bytes: &[u8]| framing::run(bytes));

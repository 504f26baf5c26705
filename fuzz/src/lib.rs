//! The bodies of the fuzz targets, as functions of bytes: tests run the corpora through them.

pub mod codec;
pub mod memory;
pub mod schema;

/// The fuzz target of a body. An input that takes long is looked at as any other, and not kept: mostly
/// it asks for as many items without bytes as there may be, and all that is made of it does the same.
#[macro_export]
macro_rules! target {
    ($body:path) => {
        #[global_allocator]
        static ALLOCATOR: $crate::memory::Counting = $crate::memory::Counting;

        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> libfuzzer_sys::Corpus {
            let start = std::time::Instant::now();
            $body(bytes);
            if start.elapsed() > std::time::Duration::from_micros(200) {
                libfuzzer_sys::Corpus::Reject
            } else {
                libfuzzer_sys::Corpus::Keep
            }
        });
    };
}

//! Older versions, read by the code that was generated for them and by a resolution that is worked out when
//! the program runs: both must make the same of any bytes.

use proptest::prelude::*;
use serde_json::Value;

#[path = "../../../fuzz/src/codec.rs"]
mod codec;
#[allow(dead_code)] // Without the allocator nothing is counted.
#[path = "../../../fuzz/src/memory.rs"]
mod memory;

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// Values of all versions, behind the version's number; Java wrote them.
fn values() -> Vec<Vec<u8>> {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("golden/vectors.json")).unwrap();
    let value = |vector: &Value| codec::numbered(&unhex(vector["value"].as_str().unwrap()));
    vectors.iter().map(value).collect()
}

#[test]
fn every_version_that_no_rust_code_reads_is_held_against_a_resolution() {
    assert_eq!(codec::versions(), (29, 25));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes(
        version in any::<u8>(),
        datum in prop::collection::vec(prop_oneof![0..8_u8, any::<u8>()], 0..200),
    ) {
        codec::run(&[&[version][..], &datum].concat());
    }

    #[test]
    fn damaged_values(
        value in prop::sample::select(values()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let mut value = value;
        for (index, byte) in damage {
            if let [_, datum @ ..] = value.as_mut_slice() && !datum.is_empty() {
                *index.get_mut(datum) = byte;
            }
        }
        codec::run(&value);
    }
}

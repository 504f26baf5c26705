//! Where an account belongs: murmur2 over the key, as Java clients choose it.

/// The partition of a key.
pub(crate) fn partition_of(key: &[u8], partitions: u32) -> u32 {
    const MIX: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ key.len() as u32;
    for chunk in key.chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u32::from_le_bytes(word);
        if chunk.len() < 4 {
            hash = (hash ^ word).wrapping_mul(MIX);
            continue;
        }
        let word = word.wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ (word ^ (word >> 24)).wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    ((hash ^ (hash >> 15)) & 0x7fff_ffff) % partitions
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_chooses_as_java_does() {
        // From the test of Kafka's own default partitioner, without the sign.
        for (key, hash) in [("21", -973_932_308_i32), ("foobar", -790_332_482)] {
            let positive = hash as u32 & 0x7fff_ffff;
            assert_eq!(super::partition_of(key.as_bytes(), 1000), positive % 1000);
        }
    }
}

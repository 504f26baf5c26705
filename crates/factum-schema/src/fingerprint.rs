//! CRC-64-AVRO, the fingerprint that the Avro specification names for single-object encoding.

const EMPTY: u64 = 0xc15d_213a_a4d7_a795;

static TABLE: [u64; 256] = table();

const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (EMPTY & (crc & 1).wrapping_neg());
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// The Rabin fingerprint of `bytes`, as the Avro specification defines it.
///
/// A schema's fingerprint is this over its canonical form: [`crate::Schema::fingerprint`].
pub fn crc64_avro(bytes: &[u8]) -> u64 {
    bytes.iter().fold(EMPTY, |crc, &byte| {
        (crc >> 8) ^ TABLE[((crc ^ u64::from(byte)) & 0xff) as usize]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specification_says_what_nothing_and_int_give() {
        assert_eq!(crc64_avro(b""), EMPTY);
        assert_eq!(crc64_avro(b"\"int\""), 0x7275_d51a_3f39_5c8f);
        assert_eq!(crc64_avro(b"\"null\""), 0x63dd_24e7_cc25_8f8a);
    }
}

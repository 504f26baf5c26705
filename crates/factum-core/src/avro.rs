//! The little Avro that Factum's own records take.

/// Appends a long, in Avro's variable-length zigzag form.
pub(crate) fn long(out: &mut Vec<u8>, number: i64) {
    let mut zigzag = ((number << 1) ^ (number >> 63)) as u64;
    while zigzag >= 0x80 {
        out.push(zigzag as u8 | 0x80);
        zigzag >>= 7;
    }
    out.push(zigzag as u8);
}

/// Appends a string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    long(out, text.len() as i64);
    out.extend_from_slice(text.as_bytes());
}

/// The string that the bytes are, to their end.
pub(crate) fn read_string(bytes: &[u8]) -> Option<&str> {
    let last = bytes.iter().take(9).position(|byte| byte & 0x80 == 0)?;
    let (length, text) = bytes.split_at(last + 1);
    let zigzag = length
        .iter()
        .rev()
        .fold(0_u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
    let fits = zigzag & 1 == 0 && zigzag >> 1 == text.len() as u64;
    std::str::from_utf8(text).ok().filter(|_| fits)
}

/// CRC-64-AVRO of a schema's canonical form by its definition, bit by bit.
#[cfg(test)]
pub(crate) fn fingerprint(canonical: &str) -> u64 {
    const EMPTY: u64 = 0xc15d_213a_a4d7_a795;
    canonical.bytes().fold(EMPTY, |crc, byte| {
        let mixed = (crc ^ u64::from(byte)) & 0xff;
        let folded = (0..8).fold(mixed, |bits, _| {
            (bits >> 1) ^ (EMPTY & (bits & 1).wrapping_neg())
        });
        (crc >> 8) ^ folded
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_come_back(text: String) {
            let mut bytes = Vec::new();
            string(&mut bytes, &text);
            prop_assert_eq!(read_string(&bytes), Some(&*text));
            bytes.push(0);
            prop_assert_eq!(read_string(&bytes), None);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = read_string(&bytes);
        }
    }
}

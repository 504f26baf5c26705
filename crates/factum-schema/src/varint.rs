//! Numbers of variable length, seven bits a byte, eight bytes at a time: all of them in one register, with no
//! branch for each byte. The last byte of a number is the one whose highest bit is not set.

/// The highest bit of every byte.
const MORE: u64 = 0x8080_8080_8080_8080;

/// The bytes of a number, and how many of them it takes; `None` if eight are too few.
#[inline]
pub(crate) fn spread(value: u64) -> Option<([u8; 8], usize)> {
    if value >> 56 != 0 {
        return None;
    }
    // Halves of 28 bits, quarters of 14, eighths of 7.
    let halves = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let quarters = (halves & 0x0000_3fff_0000_3fff) | (halves & 0x0fff_c000_0fff_c000) << 2;
    let eighths = (quarters & 0x007f_007f_007f_007f) | (quarters & 0x3f80_3f80_3f80_3f80) << 1;
    let last = (63 - (eighths | 1).leading_zeros()) / 8;
    let before_last = MORE & ((1 << (8 * last)) - 1);
    Some(((eighths | before_last).to_le_bytes(), last as usize + 1))
}

/// The number that these bytes begin with, and how many of them it takes; `None` if it goes on behind them.
#[inline]
pub(crate) fn gather(bytes: [u8; 8]) -> Option<(u64, usize)> {
    let bytes = u64::from_le_bytes(bytes);
    let ends = !bytes & MORE;
    if ends == 0 {
        return None;
    }
    // All bits below the one that ends the number, which is not set itself.
    let own = bytes & (ends ^ (ends - 1));
    let eighths = own & !MORE;
    let quarters = (eighths & 0x007f_007f_007f_007f) | (eighths & 0x7f00_7f00_7f00_7f00) >> 1;
    let halves = (quarters & 0x0000_3fff_0000_3fff) | (quarters & 0x3fff_0000_3fff_0000) >> 2;
    let value = (halves & 0x0fff_ffff) | (halves & 0x0fff_ffff_0000_0000) >> 4;
    Some((value, ends.trailing_zeros() as usize / 8 + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte after the other.
    fn plain(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    #[test]
    fn numbers_of_every_length_are_what_they_are_byte_by_byte() {
        for bits in 0..64 {
            for value in [1 << bits, (1 << bits) - 1, 0x5555_5555_5555_5555 >> bits] {
                let plain = plain(value);
                let spread = spread(value).map(|(bytes, len)| bytes[..len].to_vec());
                assert_eq!(spread, (plain.len() <= 8).then(|| plain.clone()), "{value}");
                for behind in [0, 0x7f, 0x80, 0xff] {
                    let mut bytes = [behind; 8];
                    let shown = plain.len().min(8);
                    bytes[..shown].copy_from_slice(&plain[..shown]);
                    let known = (plain.len() <= 8).then_some((value, plain.len()));
                    assert_eq!(gather(bytes), known, "{value}");
                }
            }
        }
    }
}

//! Values with a checksum in front, of themselves and the key that they belong to.

const SEAL: usize = size_of::<u32>();

pub(crate) fn seal(key: &str, value: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL + value.len());
    sealed.extend_from_slice(&checksum(key, value).to_le_bytes());
    sealed.extend_from_slice(value);
    sealed
}

/// The value; `None` if it is not what was sealed under this key.
pub(crate) fn open<'b>(key: &str, sealed: &'b [u8]) -> Option<&'b [u8]> {
    let (seal, value) = sealed.split_first_chunk::<SEAL>()?;
    (u32::from_le_bytes(*seal) == checksum(key, value)).then_some(value)
}

fn checksum(key: &str, value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(&[0xff]); // in no UTF-8: where the key ends is part of it
    hasher.update(value);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_opens() {
        let sealed = seal("loan-1", b"state");
        assert_eq!(open("loan-1", &sealed), Some(&b"state"[..]));
        assert_eq!(open("loan-2", &sealed), None);
        assert_eq!(open("loan-1", &sealed[..3]), None);
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert_eq!(open("loan-1", &damaged), None, "byte {at}");
        }
    }
}

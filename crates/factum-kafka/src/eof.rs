//! Where a partition's end is.

/// The offset that an end-of-partition report names.
///
/// The report carries it only in its text. Without it a reader would not know that it passed
/// records it is never shown, such as the marker of somebody's transaction at the very end.
pub(crate) fn end_offset(reason: &str) -> Option<u64> {
    let (_, rest) = reason.split_once("reached end of partition at offset ")?;
    let digits = rest.split(|it: char| !it.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::end_offset;

    #[test]
    fn the_offset_is_found_in_the_report() {
        let reason = "Fetch from broker 1 reached end of partition at offset 42 (HighwaterMark 43)";
        assert_eq!(end_offset(reason), Some(42));
        assert_eq!(end_offset("Fetch from broker 1 failed"), None);
    }
}

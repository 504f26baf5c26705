//! How an event's value is framed where the codec's own frame is not wanted.

/// Puts another frame before a value than the one that [`Event::encode`](crate::Event::encode) writes.
///
/// Whoever writes with a framing reads with it, too: what it writes, [`Event::decode`](crate::Event::decode) of the
/// same program takes. `factum-registry` has Confluent's framing.
pub trait Framing: Send + Sync + 'static {
    /// Replaces the frame of the value that begins at `start` and ends with `out`. It was just encoded.
    fn reframe(&self, out: &mut Vec<u8>, start: usize);
}

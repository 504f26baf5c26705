//! How a log is opened.

/// How a [`LocalLog`](crate::LocalLog) is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalOptions {
    pub(crate) map_size: usize,
    pub(crate) max_partitions: u32,
}

impl LocalOptions {
    /// The default size of the map: 1 TiB of address space.
    pub const DEFAULT_MAP_SIZE: usize = 1 << 40;

    /// The largest size that the log may reach, in bytes; rounded up to 64 KiB.
    ///
    /// It takes address space, not memory or disk. All processes that share a log should give it
    /// the same size: one with a smaller map can't read what others write beyond it.
    #[must_use]
    pub fn map_size(mut self, bytes: usize) -> Self {
        self.map_size = bytes.max(1).next_multiple_of(64 << 10);
        self
    }

    /// How many partitions, over all its topics, this process may have opened (4,096).
    #[must_use]
    pub fn max_partitions(mut self, partitions: u32) -> Self {
        self.max_partitions = partitions;
        self
    }
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            map_size: Self::DEFAULT_MAP_SIZE,
            max_partitions: 4_096,
        }
    }
}

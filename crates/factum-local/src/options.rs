//! How a log is opened.

/// How a [`LocalLog`](crate::LocalLog) is opened. Start from [`LocalOptions::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalOptions {
    /// The largest size that the log may reach, in bytes; 1 TiB. It is rounded up to 64 KiB.
    ///
    /// It takes address space, not memory or disk. All processes that share a log should give it
    /// the same size: one with a smaller map can't read what others write beyond it.
    pub map_size: usize,
    /// How many partitions, over all its topics, this process may have opened; 4,096.
    pub max_partitions: u32,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            map_size: 1 << 40,
            max_partitions: 4_096,
        }
    }
}

impl LocalOptions {
    /// The size of the map as LMDB takes it: whole pages, however large the system's are.
    pub(crate) fn whole_map_size(&self) -> usize {
        let bytes = self.map_size.clamp(1, isize::MAX as usize);
        bytes.next_multiple_of(64 << 10)
    }
}

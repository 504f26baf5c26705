//! Single messages, packed into one batch for each partition.

use factum_core::{Fetched, Offset, RecordRef};

/// The batches that are being packed.
pub(crate) struct Packing {
    /// One for each partition that is read, by its number.
    open: Vec<Option<Fetched>>,
    /// Partitions whose batch has something to tell.
    filled: Vec<u32>,
    bytes: usize,
}

impl Packing {
    /// Packs partitions that are read from the given offsets on.
    pub(crate) fn new(from: &[(u32, Offset)]) -> Self {
        let count = from
            .iter()
            .map(|(partition, _)| partition + 1)
            .max()
            .unwrap_or(0);
        let mut open = vec![None; count as usize];
        for (partition, next) in from {
            open[*partition as usize] = Some(Fetched::new(*partition, *next));
        }
        Self {
            open,
            filled: Vec::new(),
            bytes: 0,
        }
    }

    /// Packs a record. One of a partition that is not read is ignored.
    pub(crate) fn push(&mut self, partition: u32, offset: Offset, record: RecordRef<'_>) {
        let Some(Some(batch)) = self.open.get_mut(partition as usize) else {
            return;
        };
        if batch.records.is_empty() && !batch.at_end {
            self.filled.push(partition);
        }
        let before = batch.records.byte_len();
        batch.push(offset, record);
        batch.at_end = false;
        self.bytes += batch.records.byte_len() - before + size_of::<Offset>();
    }

    /// A partition's end was reached, at this offset. That may lie behind records that a reader is never shown, such
    /// as the marker of somebody's transaction.
    pub(crate) fn end(&mut self, partition: u32, end: Offset) {
        let Some(Some(batch)) = self.open.get_mut(partition as usize) else {
            return;
        };
        if batch.records.is_empty() && !batch.at_end {
            self.filled.push(partition);
        }
        batch.next = end.max(batch.next);
        batch.at_end = true;
    }

    /// How much memory the records take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.filled.is_empty()
    }

    /// Where reading goes on in each partition.
    pub(crate) fn positions(&self) -> impl Iterator<Item = (u32, Offset)> {
        self.open
            .iter()
            .flatten()
            .map(|batch| (batch.partition, batch.next))
    }

    /// Everything that was packed.
    pub(crate) fn take(&mut self) -> Vec<Fetched> {
        self.bytes = 0;
        let open = &mut self.open;
        let fresh = |partition: u32| {
            let batch = open[partition as usize].as_mut()?;
            let fresh = Fetched::new(partition, batch.next);
            Some(std::mem::replace(batch, fresh))
        };
        self.filled.drain(..).filter_map(fresh).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: RecordRef<'static> = RecordRef {
        key: b"k",
        header: None,
        value: b"v",
    };

    fn told(fetched: &[Fetched]) -> Vec<(u32, Vec<Offset>, Offset, bool)> {
        let tell = |it: &Fetched| (it.partition, it.offsets.clone(), it.next, it.at_end);
        fetched.iter().map(tell).collect()
    }

    #[test]
    fn records_are_packed_by_partition_and_taken_once() {
        let mut packing = Packing::new(&[(2, 10), (0, 0)]);
        packing.push(2, 10, RECORD);
        packing.push(0, 0, RECORD);
        packing.push(2, 12, RECORD);
        packing.push(1, 5, RECORD);
        assert!(packing.bytes() >= 6);
        assert_eq!(
            told(&packing.take()),
            [(2, vec![10, 12], 13, false), (0, vec![0], 1, false)]
        );
        assert!(packing.is_empty() && packing.bytes() == 0 && packing.take().is_empty());
        assert_eq!(packing.positions().collect::<Vec<_>>(), [(0, 1), (2, 13)]);
    }

    #[test]
    fn an_end_is_told_unless_more_came_behind_it() {
        let mut packing = Packing::new(&[(0, 0), (1, 7)]);
        packing.end(0, 3);
        packing.end(1, 5);
        packing.push(0, 3, RECORD);
        assert_eq!(
            told(&packing.take()),
            [(0, vec![3], 4, false), (1, vec![], 7, true)]
        );
        packing.end(0, 4);
        assert_eq!(told(&packing.take()), [(0, vec![], 4, true)]);
    }
}

//! Where the valid events of a partition stand.

use factum_core::{Fetched, Header, Offset, ReaderRule, Verdict};

/// The offset of each sequence, in runs: as long as nothing void lies between, both grow alike.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    /// Where each run begins: its first sequence, and that one's offset. Ascending.
    runs: Vec<(u64, Offset)>,
}

impl Places {
    /// Takes note of where a sequence stands, and the ones behind it until another is noted. A sequence
    /// may come again: a commit that a claim tore apart took it in vain.
    pub fn note(&mut self, sequence: u64, offset: Offset) {
        if self.offset(sequence) == Some(offset)
            && self.runs.last().is_some_and(|run| run.0 <= sequence)
        {
            return;
        }
        while self.runs.last().is_some_and(|run| run.0 >= sequence) {
            self.runs.pop();
        }
        self.runs.push((sequence, offset));
    }

    /// Takes note of what of a fetch has effect, from an offset on, where `rule` was the reader rule's state.
    /// What is damaged ends it: whoever reads for the writer reports that.
    pub fn observe(&mut self, mut rule: ReaderRule, from: Offset, fetched: &Fetched) {
        for (offset, record) in fetched.iter().filter(|(offset, _)| *offset >= from) {
            let header = record.header.map(Header::decode).transpose();
            let Ok(header) = header else { return };
            match (rule.judge(header.as_ref()), &header) {
                (Err(_), _) => return,
                (
                    Ok(Verdict::Held | Verdict::Whole),
                    Some(Header::Event(event) | Header::Handled(event)),
                ) => self.note(event.stamp.sequence, offset),
                _ => {}
            }
        }
    }

    /// Where a sequence stands, if it is known and not forgotten.
    pub fn offset(&self, sequence: u64) -> Option<Offset> {
        let behind = self.runs.partition_point(|(first, _)| *first <= sequence);
        let (first, offset) = *self.runs.get(behind.checked_sub(1)?)?;
        Some(offset + (sequence - first))
    }

    /// Forgets those below a sequence.
    pub fn forget_before(&mut self, sequence: u64) {
        let behind = self.runs.partition_point(|(first, _)| *first <= sequence);
        self.runs.drain(..behind.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_side_by_side_is_one_run() {
        let mut places = Places::default();
        (1..=5).for_each(|sequence| places.note(sequence, sequence));
        (6..=9).for_each(|sequence| places.note(sequence, sequence + 3));
        assert_eq!(places.runs, [(1, 1), (6, 9)]);
        assert_eq!(places.offset(5), Some(5));
        assert_eq!(places.offset(8), Some(11));
        places.forget_before(7);
        assert_eq!(places.runs, [(6, 9)]);
        assert_eq!(places.offset(5), None);
    }

    #[test]
    fn what_was_torn_apart_counts_where_it_came_again() {
        let mut places = Places::default();
        places.note(1, 1);
        places.note(2, 2); // the half of a commit
        places.note(3, 3);
        places.note(2, 5); // behind the claim that voided it
        places.note(3, 6);
        assert_eq!((places.offset(1), places.offset(2)), (Some(1), Some(5)));
        assert_eq!(places.offset(3), Some(6));
    }

    #[test]
    fn a_run_that_came_in_vain_is_replaced() {
        let mut places = Places::default();
        places.note(1, 1);
        places.note(2, 4);
        places.note(2, 2);
        assert_eq!(places.offset(2), Some(2));
        assert_eq!(places.offset(3), Some(3));
    }
}

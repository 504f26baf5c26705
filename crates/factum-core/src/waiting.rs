//! Commits and answers that wait to be settled, in the order in which they were planned.

use std::collections::VecDeque;

/// The queue of a writer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Waiting<T> {
    queue: VecDeque<Entry<T>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Entry<T> {
    /// A commit, and the sequence after its last event.
    Commit(T, u64),
    /// An answer that rests on nothing but what stands before it.
    Known(T),
    /// An answer that rests on the newest state: that it was the newest shows in what was sent later.
    Answer(T),
    /// A batch was sent here, and answers wait for what becomes of it.
    Sent,
}

impl<T> Waiting<T> {
    pub fn new() -> Self {
        Self {
            queue: VecDeque::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.queue.len()
    }

    pub fn commit(&mut self, token: T, end: u64) {
        self.queue.push_back(Entry::Commit(token, end));
    }

    pub fn known(&mut self, token: T) {
        self.queue.push_back(Entry::Known(token));
    }

    pub fn answer(&mut self, token: T) {
        self.queue.push_back(Entry::Answer(token));
    }

    /// Whether answers wait behind the last batch that was sent.
    pub fn is_unsent(&self) -> bool {
        let behind = self.queue.iter().rev();
        behind
            .take_while(|entry| !matches!(entry, Entry::Sent))
            .any(|entry| matches!(entry, Entry::Answer(_)))
    }

    /// Notes that a batch is sent, and returns whether answers wait for it.
    pub fn send(&mut self) -> bool {
        let unsent = self.is_unsent();
        if unsent {
            self.queue.push_back(Entry::Sent);
        }
        unsent
    }

    /// The sequence after the oldest commit's last event.
    pub fn oldest_end(&self) -> Option<u64> {
        self.queue.iter().find_map(|entry| match entry {
            Entry::Commit(_, end) => Some(*end),
            _ => None,
        })
    }

    /// Settles the oldest commit and all before it: whatever waited there was planned before the
    /// commit was sent. Returns how many of the batches that answers waited for were passed.
    pub fn settle_commit(&mut self, mut settle: impl FnMut(T)) -> usize {
        let mut passed = 0;
        while let Some(entry) = self.queue.pop_front() {
            match entry {
                Entry::Commit(token, _) => {
                    settle(token);
                    break;
                }
                Entry::Known(token) | Entry::Answer(token) => settle(token),
                Entry::Sent => passed += 1,
            }
        }
        passed
    }

    /// Settles answers up to the next batch that was sent: it was judged.
    pub fn settle_sent(&mut self, mut settle: impl FnMut(T)) {
        while !matches!(self.queue.front(), None | Some(Entry::Commit(..))) {
            match self.queue.pop_front() {
                Some(Entry::Known(token) | Entry::Answer(token)) => settle(token),
                _ => return,
            }
        }
    }

    /// Settles answers that wait for nothing.
    pub fn settle_known(&mut self, mut settle: impl FnMut(T)) {
        while matches!(self.queue.front(), Some(Entry::Known(_))) {
            if let Some(Entry::Known(token)) = self.queue.pop_front() {
                settle(token);
            }
        }
    }

    /// Everything that waits, in order; nothing does any more.
    pub fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.queue.drain(..).filter_map(|entry| match entry {
            Entry::Commit(token, _) | Entry::Known(token) | Entry::Answer(token) => Some(token),
            Entry::Sent => None,
        })
    }
}

//! Arrays and maps: blocks of items behind their number.

use std::collections::BTreeMap;

use crate::{DecodeError, DecodeErrorKind as Kind, Reader};

type Result<T> = std::result::Result<T, DecodeError>;

impl<'a> Reader<'a> {
    /// Reads an array, whose items take at least `least` bytes each.
    ///
    /// # Errors
    /// A number of items that the remaining bytes can't hold, more than [`Reader::MAX_EMPTY_ITEMS`]
    /// that take none, or an item's own error.
    #[inline]
    pub fn array<T>(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while let Some(block) = self.block(least)? {
            items.reserve(self.reservable::<T>(block.items));
            for _ in 0..block.items {
                items.push(item(self)?);
            }
            self.ended(&block)?;
        }
        Ok(items)
    }

    /// Reads a map, whose values take at least `least` bytes each. The last of several values of
    /// one key counts.
    ///
    /// # Errors
    /// A number of entries that the remaining bytes can't hold, or a value's own error.
    #[inline]
    pub fn map<T>(
        &mut self,
        least: usize,
        value: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<BTreeMap<String, T>> {
        self.entries(least, Self::string, value)
    }

    /// Reads a map as [`Reader::map`] does, and borrows its keys from the value.
    ///
    /// # Errors
    /// As [`Reader::map`].
    #[inline]
    pub fn map_ref<T>(
        &mut self,
        least: usize,
        value: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<BTreeMap<&'a str, T>> {
        self.entries(least, Self::str, value)
    }

    #[inline]
    fn entries<K: Ord, T>(
        &mut self,
        least: usize,
        key: impl Fn(&mut Self) -> Result<K>,
        mut value: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<BTreeMap<K, T>> {
        let mut entries = BTreeMap::new();
        while let Some(block) = self.block(1 + least)? {
            for _ in 0..block.items {
                let key = key(self)?;
                entries.insert(key, value(self)?);
            }
            self.ended(&block)?;
        }
        Ok(entries)
    }

    /// For how many of so many items memory may be taken on the word of their number alone. All arrays of a
    /// value share the room for that: arrays within arrays can't promise the same bytes to each other.
    pub(crate) fn reservable<T>(&mut self, items: usize) -> usize {
        let size = size_of::<T>().max(1);
        let items = items.min(self.room / size);
        self.room -= items * size;
        items
    }

    /// Reads the head of an array's or a map's next block; `None` after the last one.
    #[inline]
    pub(crate) fn block(&mut self, least: usize) -> Result<Option<Block>> {
        let left = self.rest.len();
        let count = self.short()?;
        if count == 0 {
            return Ok(None);
        }
        let bytes = if count < 0 { Some(self.long()?) } else { None };
        let room = self.rest.len();
        let fits = |limit: usize, number: u64| usize::try_from(number).is_ok_and(|n| n <= limit);
        if least == 0 {
            self.claim_empty(left, count.unsigned_abs())?;
        } else if !fits(room / least, count.unsigned_abs()) {
            return Err(self.error_before(left, Kind::Length(count)));
        }
        match bytes {
            Some(size) if size < 0 || !fits(room, size.unsigned_abs()) => {
                Err(self.error_before(left, Kind::Length(size)))
            }
            _ => Ok(Some(Block {
                items: count.unsigned_abs() as usize,
                left: bytes.map(|size| room - size as usize),
            })),
        }
    }

    /// Ends a block. If its writer said how many bytes it has, it must have had these: whoever passes over a
    /// block by that would go on elsewhere.
    ///
    /// # Errors
    /// It had others.
    #[inline]
    pub(crate) fn ended(&self, block: &Block) -> Result<()> {
        match block.left {
            Some(left) if left != self.rest.len() => Err(self.error(Kind::BlockSize)),
            _ => Ok(()),
        }
    }

    #[cold]
    fn claim_empty(&mut self, left: usize, count: u64) -> Result<()> {
        let rest = u64::from(self.empty_items).checked_sub(count);
        match rest.and_then(|rest| u32::try_from(rest).ok()) {
            Some(rest) => {
                self.empty_items = rest;
                Ok(())
            }
            None => Err(self.error_before(left, Kind::EmptyItems)),
        }
    }
}

/// The head of a block of items.
pub(crate) struct Block {
    /// How many items follow.
    pub(crate) items: usize,
    /// How many bytes are left behind them, if the writer said so.
    left: Option<usize>,
}

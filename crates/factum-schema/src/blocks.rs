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
            items.reserve(block.items.min(self.room_for::<T>()));
            for _ in 0..block.items {
                items.push(item(self)?);
            }
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
        }
        Ok(entries)
    }

    /// How many values of `T` take as much memory as the bytes that are left: what may be allocated
    /// on the word of a number of items alone.
    fn room_for<T>(&self) -> usize {
        self.rest.len() / size_of::<T>().max(1)
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
                bytes: bytes.map(|size| size as usize),
            })),
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
    /// How many bytes they take, if the writer said so.
    pub(crate) bytes: Option<usize>,
}

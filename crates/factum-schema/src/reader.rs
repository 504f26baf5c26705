//! Takes apart the bytes of a value.

use std::collections::BTreeMap;

use crate::{DecodeError, DecodeErrorKind as Kind};

type Result<T> = std::result::Result<T, DecodeError>;

/// Reads a value's bytes from front to back; generated code calls it field by field.
///
/// Safe on any bytes: nothing panics, nothing is allocated before the bytes that fill it are known to
/// be there, and a number of items is checked against the bytes that are left. The depth of calls is
/// that of the schema: schemas that contain themselves are refused when code is generated.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub(crate) rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `value`.
    pub fn new(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            len: value.len(),
        }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    /// Ends the value.
    ///
    /// # Errors
    /// Bytes are left over.
    #[inline]
    pub fn finish(&self) -> Result<()> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.error(Kind::LeftOver(left))),
        }
    }

    /// An error at the current position.
    #[cold]
    pub fn error(&self, kind: Kind) -> DecodeError {
        DecodeError::new(kind, self.position())
    }

    /// An error where that many bytes were left: cheaper to remember than a copy of the reader.
    #[cold]
    pub(crate) fn error_before(&self, left: usize, kind: Kind) -> DecodeError {
        DecodeError::new(kind, self.len - left)
    }

    /// The error for a value whose frame carries a fingerprint that nobody knows.
    #[cold]
    pub fn unknown_schema(&self, fingerprint: u64) -> DecodeError {
        DecodeError::new(Kind::UnknownSchema { fingerprint }, 0)
    }

    /// Takes `N` bytes.
    ///
    /// # Errors
    /// The bytes end before.
    #[inline]
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.error(Kind::Ended("fixed"))),
        }
    }

    /// Reads a boolean.
    ///
    /// # Errors
    /// The bytes end before, or it is neither 0 nor 1.
    #[inline]
    pub fn boolean(&mut self) -> Result<bool> {
        match self.rest.split_first() {
            Some((&byte @ (0 | 1), rest)) => {
                self.rest = rest;
                Ok(byte == 1)
            }
            Some((&byte, _)) => Err(self.error(Kind::Boolean(byte))),
            None => Err(self.error(Kind::Ended("boolean"))),
        }
    }

    /// Reads an int.
    ///
    /// # Errors
    /// The bytes end before, or it does not fit 32 bits.
    #[inline]
    pub fn int(&mut self) -> Result<i32> {
        let value = self.long()?;
        i32::try_from(value).map_err(|_| self.error(Kind::Overflow("int")))
    }

    /// Reads a long.
    ///
    /// # Errors
    /// The bytes end before, or it does not fit 64 bits.
    #[inline]
    pub fn long(&mut self) -> Result<i64> {
        let zigzag = match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                u64::from(byte)
            }
            _ => self.long_varint()?,
        };
        Ok((zigzag >> 1) as i64 ^ -((zigzag & 1) as i64))
    }

    fn long_varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for (index, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                if index == 9 && byte > 1 {
                    break;
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(self.error(if self.rest.len() < 10 {
            Kind::Ended("number")
        } else {
            Kind::Overflow("long")
        }))
    }

    /// Reads a float.
    ///
    /// # Errors
    /// The bytes end before.
    #[inline]
    pub fn float(&mut self) -> Result<f32> {
        self.fixed().map(f32::from_le_bytes)
    }

    /// Reads a double.
    ///
    /// # Errors
    /// The bytes end before.
    #[inline]
    pub fn double(&mut self) -> Result<f64> {
        self.fixed().map(f64::from_le_bytes)
    }

    /// Reads bytes, and borrows them from the value.
    ///
    /// # Errors
    /// The bytes end before, or the length is no length.
    #[inline]
    pub fn slice(&mut self) -> Result<&'a [u8]> {
        let left = self.rest.len();
        let len = self.long()?;
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        match split {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.error_before(left, Kind::Length(len))),
        }
    }

    /// Reads a string, and borrows it from the value.
    ///
    /// # Errors
    /// As [`Reader::slice`], or it is not UTF-8.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str> {
        let left = self.rest.len();
        std::str::from_utf8(self.slice()?).map_err(|_| self.error_before(left, Kind::Utf8))
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// As [`Reader::slice`].
    #[inline]
    pub fn bytes(&mut self) -> Result<Vec<u8>> {
        self.slice().map(<[u8]>::to_vec)
    }

    /// Reads a string.
    ///
    /// # Errors
    /// As [`Reader::str`].
    #[inline]
    pub fn string(&mut self) -> Result<String> {
        self.str().map(str::to_owned)
    }

    /// Reads the index of an enum's symbol or a union's branch: a number below `count`.
    ///
    /// # Errors
    /// The bytes end before, or the index is out of range.
    #[inline]
    pub fn index(&mut self, count: u32) -> Result<u32> {
        let left = self.rest.len();
        let index = self.long()?;
        match u32::try_from(index) {
            Ok(index) if index < count => Ok(index),
            _ => Err(self.error_before(left, Kind::Index { index, count })),
        }
    }

    /// Reads a union of null, which is the branch `null` (0 or 1), and one other type.
    ///
    /// # Errors
    /// As [`Reader::index`], or the value's own.
    #[inline]
    pub fn nullable<T>(
        &mut self,
        null: u32,
        value: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.index(2)? == null {
            Ok(None)
        } else {
            value(self).map(Some)
        }
    }

    /// Reads an array, whose items take at least `least` bytes each, 1 or more.
    ///
    /// # Errors
    /// A number of items that the remaining bytes can't hold, or an item's own error.
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
        mut value: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<BTreeMap<String, T>> {
        let mut entries = BTreeMap::new();
        while let Some(block) = self.block(1 + least)? {
            for _ in 0..block.items {
                let key = self.string()?;
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
        let count = self.long()?;
        if count == 0 {
            return Ok(None);
        }
        let bytes = if count < 0 { Some(self.long()?) } else { None };
        let room = self.rest.len();
        let fits = |limit: usize, number: u64| usize::try_from(number).is_ok_and(|n| n <= limit);
        if !fits(room / least.max(1), count.unsigned_abs()) {
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
}

/// The head of a block of items.
pub(crate) struct Block {
    /// How many items follow.
    pub(crate) items: usize,
    /// How many bytes they take, if the writer said so.
    pub(crate) bytes: Option<usize>,
}

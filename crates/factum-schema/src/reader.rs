//! Takes apart the bytes of a value.

use crate::{DecodeError, DecodeErrorKind as Kind, varint};

type Result<T> = std::result::Result<T, DecodeError>;

/// Reads a value's bytes from front to back; generated code calls it field by field.
///
/// Safe on any bytes: nothing panics, text and bytes are known to be there before memory is taken for
/// them, and a number of items is checked against the bytes that are left. Before their items are read, all
/// arrays of a value together take no more memory than it has bytes. What takes no bytes is bounded by
/// [`Reader::MAX_EMPTY_ITEMS`], and records within themselves by [`Reader::MAX_DEPTH`].
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub(crate) rest: &'a [u8],
    len: usize,
    depth: u32,
    /// How many more items may take no bytes.
    pub(crate) empty_items: u32,
    /// How many more bytes of memory may be taken for items before they are read.
    pub(crate) room: usize,
}

impl<'a> Reader<'a> {
    /// How deep a value may nest records of types that contain themselves.
    pub const MAX_DEPTH: u32 = 128;

    /// How many items that take no bytes (nulls, records without fields) the arrays of a value may
    /// hold together: no bytes vouch for their number.
    pub const MAX_EMPTY_ITEMS: u32 = 65_536;

    /// Reads from the start of `value`.
    pub fn new(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            len: value.len(),
            depth: 0,
            empty_items: Self::MAX_EMPTY_ITEMS,
            room: value.len(),
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

    /// Reads the rest of the value.
    ///
    /// # Errors
    /// As `read`, or bytes are left over.
    #[inline]
    pub fn to_end<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let value = read(self)?;
        self.finish()?;
        Ok(value)
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

    /// Reads a record of a type that contains itself, within at most [`Reader::MAX_DEPTH`] others:
    /// bytes can't exhaust the stack.
    ///
    /// # Errors
    /// It lies deeper, or the record's own error.
    #[inline]
    pub fn nested<T>(&mut self, record: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth == Self::MAX_DEPTH {
            return Err(self.error(Kind::Depth));
        }
        self.depth += 1;
        let value = record(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// Takes `N` bytes.
    ///
    /// # Errors
    /// The bytes end before.
    #[inline]
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.fixed_ref().copied()
    }

    /// Takes `N` bytes, and borrows them from the value.
    ///
    /// # Errors
    /// The bytes end before.
    #[inline]
    pub fn fixed_ref<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
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
        match self.one_byte() {
            Some(value) => Ok(value),
            None => self.varint().map(unzigzag),
        }
    }

    /// Reads a long that is nearly always of one byte: what the others take stands out of line.
    #[inline]
    pub(crate) fn short(&mut self) -> Result<i64> {
        match self.one_byte() {
            Some(value) => Ok(value),
            None => self.long_varint().map(unzigzag),
        }
    }

    /// A long of one byte.
    #[inline]
    fn one_byte(&mut self) -> Option<i64> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Some(unzigzag(byte.into()))
            }
            _ => None,
        }
    }

    /// A number of two bytes or more: at once where it has at most eight, and is not at the very end.
    #[inline]
    fn varint(&mut self) -> Result<u64> {
        if let Some(bytes) = self.rest.first_chunk()
            && let Some((value, len)) = varint::gather(*bytes)
        {
            self.rest = &self.rest[len..];
            return Ok(value);
        }
        self.long_varint()
    }

    #[inline(never)]
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
        let len = self.short()?;
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
        let index = self.short()?;
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
}

/// Numbers near zero, of either sign, are written as small ones.
#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

//! Passes over values that the newest version has no place for.

use crate::{DecodeError, DecodeErrorKind as Kind, Reader};

type Result<T> = std::result::Result<T, DecodeError>;

impl Reader<'_> {
    /// Passes over `count` bytes: a fixed, a float, a double.
    ///
    /// # Errors
    /// The bytes end before.
    #[inline]
    pub fn skip(&mut self, count: usize) -> Result<()> {
        match self.rest.get(count..) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.error(Kind::Ended("value"))),
        }
    }

    /// Passes over a nullable value, whose null is the branch `null` (0 or 1).
    ///
    /// # Errors
    /// As [`Reader::nullable`].
    #[inline]
    pub fn skip_nullable(
        &mut self,
        null: u32,
        value: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.nullable(null, value).map(|_| ())
    }

    /// Passes over an array, whose items take at least `least` bytes each.
    ///
    /// # Errors
    /// As [`Reader::array`].
    #[inline]
    pub fn skip_array(
        &mut self,
        least: usize,
        mut item: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        while let Some(block) = self.block(least)? {
            // Not by its size, if it has one: what is no value must not pass because nobody looks at it.
            (0..block.items).try_for_each(|_| item(self))?;
            self.ended(&block)?;
        }
        Ok(())
    }

    /// Passes over a map, whose values take at least `least` bytes each.
    ///
    /// # Errors
    /// As [`Reader::map`].
    #[inline]
    pub fn skip_map(
        &mut self,
        least: usize,
        mut value: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.skip_array(1 + least, |input| {
            input.str()?;
            value(input)
        })
    }
}

//! From bytes to a value.

use crate::least::Least;
use crate::resolve::Resolution;
use crate::schema::{Body, Field, Named, Schema, Shape, Type};
use crate::value::Value;
use crate::value::tell::tell;
use crate::value::union::is_ambiguous;
use crate::{DecodeError, DecodeErrorKind as Kind, Reader};

type Result<'a> = std::result::Result<Value<'a>, DecodeError>;

impl Schema {
    /// How many values that take no bytes a value may hold: nulls in arrays, fields of empty records.
    pub const MAX_EMPTY_VALUES: usize = Reader::MAX_EMPTY_ITEMS as usize;

    /// Reads one value of the schema. Bytes behind it stay unread, see [`Reader::finish`].
    ///
    /// Safe on any bytes: the depth is bounded by [`Resolution::MAX_DEPTH`], and the number of values by the
    /// bytes. Each byte vouches for the item that it stands in, and for one field of each record around it,
    /// and 48 bytes of memory are taken for each of these, three times as many while an array of many blocks
    /// grows. What takes no bytes is bounded by [`Schema::MAX_EMPTY_VALUES`].
    ///
    /// ```
    /// use factum_schema::{Reader, Schema};
    ///
    /// let schema = Schema::parse(
    ///     r#"{"type": "record", "name": "Paid", "fields": [
    ///         {"name": "cents", "type": "long"},
    ///         {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}"#,
    /// )?;
    /// let value = schema.value(&mut Reader::new(&[14, 0]))?;
    /// let json = serde_json::to_string(&value)?;
    /// assert_eq!(json, r#"{"cents":7,"at":"1970-01-01T00:00:00Z"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The bytes are no value of the schema, or one beyond these bounds.
    pub fn value<'a>(&'a self, input: &mut Reader<'a>) -> Result<'a> {
        let mut read = Read {
            schema: self,
            least: Least::new(self),
            left: Self::MAX_EMPTY_VALUES,
            input,
        };
        read.ty(&self.root, 0)
    }
}

struct Read<'i, 'a> {
    schema: &'a Schema,
    least: Least<'a>,
    input: &'i mut Reader<'a>,
    /// How many more values there may be for which no bytes vouch.
    left: usize,
}

impl<'a> Read<'_, 'a> {
    /// Makes sure that there may be so many more values for which no bytes vouch.
    fn claim(&mut self, values: usize) -> std::result::Result<(), DecodeError> {
        match self.left.checked_sub(values) {
            Some(left) => self.left = left,
            None => return Err(self.input.error(Kind::TooManyValues)),
        }
        Ok(())
    }

    fn ty(&mut self, ty: &'a Type, depth: u32) -> Result<'a> {
        if ty.logical.is_some()
            && let Some(told) = self.logical(ty)
        {
            return Ok(told);
        }
        Ok(match &ty.shape {
            Shape::Null => Value::Null,
            Shape::Boolean => Value::Boolean(self.input.boolean()?),
            Shape::Int => Value::Long(self.input.int()?.into()),
            Shape::Long => Value::Long(self.input.long()?),
            Shape::Float => Value::Float(self.input.float()?),
            Shape::Double => Value::Double(self.input.double()?),
            Shape::Bytes => Value::Bytes(self.input.slice()?),
            Shape::String => Value::text(self.input.str()?),
            _ => return self.nested(ty, depth),
        })
    }

    /// The logical type's text; none if it has none, or what stands there is none of its values.
    fn logical(&mut self, ty: &'a Type) -> Option<Value<'a>> {
        let logical = self.schema.logical_type(ty).ok().flatten()?;
        let mut probe = self.input.clone();
        let told = tell(logical, self.schema, ty, &mut probe)?;
        *self.input = probe;
        Some(told)
    }

    fn nested(&mut self, ty: &'a Type, depth: u32) -> Result<'a> {
        if depth == Resolution::MAX_DEPTH {
            return Err(self.input.error(Kind::Depth));
        }
        match &ty.shape {
            Shape::Array(item) => self.array(item, depth + 1),
            Shape::Map(value) => self.map(value, depth + 1),
            Shape::Union(branches) => self.union(branches, depth + 1),
            Shape::Named(name) => match self.schema.named(name) {
                Some(named) => self.named(named, ty, depth + 1),
                None => Ok(Value::Null), // No schema is parsed that lacks one of its types.
            },
            _ => Ok(Value::Null),
        }
    }

    fn named(&mut self, named: &'a Named, ty: &'a Type, depth: u32) -> Result<'a> {
        match &named.body {
            Body::Record(fields) => self.record(fields, depth),
            Body::Enum { symbols, .. } => {
                let index = self.input.index(symbols.len() as u32)?;
                Ok(Value::text(symbols[index as usize].as_str()))
            }
            Body::Fixed(size) => match named.logical.as_ref().and_then(|_| self.logical(ty)) {
                Some(told) => Ok(told),
                None => take(self.input, *size).map(Value::Bytes),
            },
        }
    }

    fn record(&mut self, fields: &'a [Field], depth: u32) -> Result<'a> {
        let before = self.input.rest.len();
        let mut members = Vec::with_capacity(fields.len());
        for field in fields {
            members.push((field.name.as_str(), self.ty(&field.ty, depth)?));
        }
        let bytes = before - self.input.rest.len();
        self.claim(fields.len().saturating_sub(bytes))?;
        Ok(Value::Object(members))
    }

    fn array(&mut self, item: &'a Type, depth: u32) -> Result<'a> {
        let least = self.least.of(item);
        let mut items = Vec::new();
        while let Some(block) = self.input.block(least)? {
            if least == 0 {
                self.claim(block.items)?;
            }
            let promised = self.input.reservable::<Value<'_>>(block.items);
            items.reserve(promised);
            for _ in 0..block.items {
                items.push(self.ty(item, depth)?);
            }
            self.input.ended(&block)?;
        }
        Ok(Value::Array(items))
    }

    fn map(&mut self, value: &'a Type, depth: u32) -> Result<'a> {
        let least = 1 + self.least.of(value);
        let mut members = Vec::new();
        while let Some(block) = self.input.block(least)? {
            let promised = self.input.reservable::<(&str, Value<'_>)>(block.items);
            members.reserve(promised);
            for _ in 0..block.items {
                let key = self.input.str()?;
                members.push((key, self.ty(value, depth)?));
            }
            self.input.ended(&block)?;
        }
        Ok(Value::Object(members))
    }

    fn union(&mut self, branches: &'a [Type], depth: u32) -> Result<'a> {
        let index = self.input.index(branches.len() as u32)? as usize;
        let branch = &branches[index];
        let value = self.ty(branch, depth)?;
        if is_ambiguous(self.schema, branches, index) {
            return Ok(Value::Object(vec![(branch.shape.label(), value)]));
        }
        Ok(value)
    }
}

/// Takes that many bytes, and borrows them from the value.
pub(super) fn take<'a>(
    input: &mut Reader<'a>,
    size: usize,
) -> std::result::Result<&'a [u8], DecodeError> {
    let whole = input.rest;
    input.skip(size)?;
    Ok(&whole[..size])
}

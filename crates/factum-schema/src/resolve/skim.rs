//! Looking through a written value, to copy it or to pass over it.

use std::collections::HashMap;

use crate::least::Least;
use crate::resolve::Resolution;
use crate::schema::{Body, FullName, Schema, Shape, Type};
use crate::{DecodeError, DecodeErrorKind as Kind, Reader};

/// What a written value is made of, as far as it takes to find its end and to check it.
#[derive(Clone, Debug)]
pub(super) enum Skim {
    Null,
    Boolean,
    Int,
    Long,
    /// That many bytes.
    Bytes(usize),
    /// A length and as many bytes.
    Slice,
    /// The same, in UTF-8.
    Text,
    /// The index of one of so many symbols.
    Enum(u32),
    Array {
        least: usize,
        item: Box<Skim>,
    },
    Map {
        least: usize,
        value: Box<Skim>,
    },
    Union(Vec<Skim>),
    /// The record of that index.
    Record(usize),
}

/// Makes skims of a writer's types.
pub(super) struct Skims<'a> {
    schema: &'a Schema,
    least: Least<'a>,
    indices: HashMap<&'a FullName, usize>,
    names: Vec<&'a FullName>,
}

impl<'a> Skims<'a> {
    pub fn new(schema: &'a Schema) -> Self {
        Self {
            schema,
            least: Least::new(schema),
            indices: HashMap::new(),
            names: Vec::new(),
        }
    }

    pub fn ty(&mut self, ty: &'a Type) -> Skim {
        match &ty.shape {
            Shape::Null => Skim::Null,
            Shape::Boolean => Skim::Boolean,
            Shape::Int => Skim::Int,
            Shape::Long => Skim::Long,
            Shape::Float => Skim::Bytes(4),
            Shape::Double => Skim::Bytes(8),
            Shape::Bytes => Skim::Slice,
            Shape::String => Skim::Text,
            Shape::Array(item) => Skim::Array {
                least: self.least.of(item),
                item: Box::new(self.ty(item)),
            },
            Shape::Map(value) => Skim::Map {
                least: self.least.of(value),
                value: Box::new(self.ty(value)),
            },
            Shape::Union(branches) => Skim::Union(branches.iter().map(|b| self.ty(b)).collect()),
            Shape::Named(name) => match self.schema.named(name).map(|named| &named.body) {
                Some(Body::Fixed(size)) => Skim::Bytes(*size),
                Some(Body::Enum { symbols, .. }) => Skim::Enum(symbols.len() as u32),
                _ => Skim::Record(self.record(name)),
            },
        }
    }

    /// The bytes that a value of the type takes at least.
    pub fn least(&mut self, ty: &'a Type) -> usize {
        self.least.of(ty)
    }

    /// The index of the record's skims.
    pub fn record(&mut self, name: &'a FullName) -> usize {
        *self.indices.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }

    /// What the records hold, those that only records mention included.
    pub fn finish(mut self) -> Vec<Vec<Skim>> {
        let mut records = Vec::new();
        while let Some(name) = self.names.get(records.len()) {
            let fields = match self.schema.named(name).map(|named| &named.body) {
                Some(Body::Record(fields)) => fields.as_slice(),
                _ => &[],
            };
            records.push(fields.iter().map(|field| self.ty(&field.ty)).collect());
        }
        records
    }
}

/// Looks through one value.
pub(super) fn skim(
    records: &[Vec<Skim>],
    skim: &Skim,
    input: &mut Reader<'_>,
    depth: u32,
) -> Result<(), DecodeError> {
    match skim {
        Skim::Null => Ok(()),
        Skim::Boolean => input.boolean().map(drop),
        Skim::Int => input.int().map(drop),
        Skim::Long => input.long().map(drop),
        Skim::Bytes(count) => input.skip(*count),
        Skim::Slice => input.slice().map(drop),
        Skim::Text => input.str().map(drop),
        Skim::Enum(count) => input.index(*count).map(drop),
        inner => nested(records, inner, input, depth),
    }
}

fn nested(
    records: &[Vec<Skim>],
    outer: &Skim,
    input: &mut Reader<'_>,
    depth: u32,
) -> Result<(), DecodeError> {
    let depth = deeper(depth, input)?;
    match outer {
        Skim::Array { least, item } => {
            while let Some(block) = input.block(*least)? {
                (0..block.items).try_for_each(|_| skim(records, item, input, depth))?;
                input.ended(&block)?;
            }
        }
        Skim::Map { least, value } => {
            while let Some(block) = input.block(1 + *least)? {
                for _ in 0..block.items {
                    input.str()?;
                    skim(records, value, input, depth)?;
                }
                input.ended(&block)?;
            }
        }
        Skim::Union(branches) => {
            let index = input.index(branches.len() as u32)?;
            skim(records, &branches[index as usize], input, depth)?;
        }
        Skim::Record(index) => {
            let mut fields = records[*index].iter();
            fields.try_for_each(|field| skim(records, field, input, depth))?;
        }
        _ => {}
    }
    Ok(())
}

/// One level deeper, unless it is the last.
pub(super) fn deeper(depth: u32, input: &Reader<'_>) -> Result<u32, DecodeError> {
    if depth < Resolution::MAX_DEPTH {
        Ok(depth + 1)
    } else {
        Err(input.error(Kind::Depth))
    }
}

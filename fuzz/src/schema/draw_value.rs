//! Values of a schema, drawn from bytes: each byte is a decision.

use std::collections::BTreeMap;

use apache_avro::types::Value;
use factum_schema::{Body, FullName, Schema, Shape, Type, write};

/// A value of the schema; none if it would be a large one.
pub fn drawn(schema: &Schema, decisions: &[u8]) -> Option<Value> {
    let mut draw = Draw {
        schema,
        decisions: decisions.iter(),
        left: 200,
    };
    draw.ty(schema.root(), 0)
}

struct Draw<'a> {
    schema: &'a Schema,
    decisions: std::slice::Iter<'a, u8>,
    /// How many more values there may be.
    left: usize,
}

const TEXTS: [&str; 6] = [
    "",
    "a",
    "key",
    "ß",
    "☃ snow",
    "a longer text, of more than 64 bytes, so that its length takes two",
];

impl Draw<'_> {
    fn byte(&mut self) -> u8 {
        self.decisions.next().copied().unwrap_or_default()
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.byte())
    }

    fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte()) % count
    }

    fn ty(&mut self, ty: &Type, depth: u32) -> Option<Value> {
        self.left = self.left.checked_sub(1)?;
        if depth > 50 {
            return None;
        }
        Some(match &ty.shape {
            Shape::Null => Value::Null,
            Shape::Boolean => Value::Boolean(self.below(2) == 1),
            Shape::Int => Value::Int(self.int()),
            Shape::Long if ty.logical.is_some() => Value::TimestampMicros(self.long()),
            Shape::Long => Value::Long(self.long()),
            Shape::Float => Value::Float(f32::from_le_bytes(self.bytes())),
            Shape::Double => Value::Double(f64::from_le_bytes(self.bytes())),
            Shape::Bytes => {
                let len = self.below(5);
                Value::Bytes((0..len).map(|_| self.byte()).collect())
            }
            Shape::String => Value::String(self.text()),
            Shape::Array(item) => {
                let len = self.below(4);
                let items = (0..len).map(|_| self.ty(item, depth + 1));
                Value::Array(items.collect::<Option<_>>()?)
            }
            // Of two entries or more, neither says the order.
            Shape::Map(value) => {
                let len = self.below(2);
                let entries = (0..len).map(|_| Some((self.text(), self.ty(value, depth + 1)?)));
                Value::Map(entries.collect::<Option<_>>()?)
            }
            Shape::Union(branches) => {
                if branches.is_empty() {
                    return None;
                }
                let index = self.below(branches.len());
                let value = self.ty(&branches[index], depth + 1)?;
                Value::Union(index as u32, Box::new(value))
            }
            Shape::Named(name) => self.named(name, depth)?,
        })
    }

    fn named(&mut self, name: &FullName, depth: u32) -> Option<Value> {
        let schema = self.schema;
        Some(match &schema.named(name)?.body {
            Body::Record(fields) => {
                let fields = fields
                    .iter()
                    .map(|field| Some((field.name.clone(), self.ty(&field.ty, depth + 1)?)));
                Value::Record(fields.collect::<Option<_>>()?)
            }
            Body::Enum { symbols, .. } => {
                let index = self.below(symbols.len());
                Value::Enum(index as u32, symbols[index].clone())
            }
            Body::Fixed(size) => Value::Fixed(*size, (0..*size).map(|_| self.byte()).collect()),
        })
    }

    /// As long as each number of bytes that it may take, and at the ends.
    fn long(&mut self) -> i64 {
        match self.below(12) {
            0 => i64::MIN,
            1 => i64::MAX,
            shift => i64::from_le_bytes(self.bytes()) >> (64 - 5 * shift),
        }
    }

    fn int(&mut self) -> i32 {
        match self.below(8) {
            0 => i32::MIN,
            1 => i32::MAX,
            shift => i32::from_le_bytes(self.bytes()) >> (32 - 4 * shift),
        }
    }

    fn text(&mut self) -> String {
        let index = self.below(TEXTS.len());
        TEXTS[index].to_owned()
    }
}

/// Writes the value with what generated code writes with.
pub fn write(schema: &Schema, ty: &Type, value: &Value, out: &mut Vec<u8>) {
    match (&ty.shape, value) {
        (Shape::Boolean, Value::Boolean(value)) => write::boolean(out, *value),
        (Shape::Int, Value::Int(value)) => write::int(out, *value),
        (Shape::Long, Value::Long(value) | Value::TimestampMicros(value)) => {
            write::long(out, *value);
        }
        (Shape::Float, Value::Float(value)) => write::float(out, *value),
        (Shape::Double, Value::Double(value)) => write::double(out, *value),
        (Shape::Bytes, Value::Bytes(value)) => write::bytes(out, value),
        (Shape::String, Value::String(value)) => write::string(out, value),
        (Shape::Array(item), Value::Array(items)) => {
            write::array(out, items, |out, value| {
                self::write(schema, item, value, out)
            });
        }
        (Shape::Map(inner), Value::Map(entries)) => {
            let entries: BTreeMap<_, _> = entries.clone().into_iter().collect();
            write::map(out, &entries, |out, value| {
                self::write(schema, inner, value, out);
            });
        }
        (Shape::Union(branches), Value::Union(index, value)) => {
            write::index(out, *index);
            self::write(schema, &branches[*index as usize], value, out);
        }
        (Shape::Named(name), value) => {
            let named = schema.named(name).expect("of the schema");
            match (&named.body, value) {
                (Body::Record(fields), Value::Record(values)) => {
                    let pairs = fields.iter().zip(values);
                    pairs
                        .for_each(|(field, (_, value))| self::write(schema, &field.ty, value, out));
                }
                (Body::Enum { .. }, Value::Enum(index, _)) => write::index(out, *index),
                (Body::Fixed(_), Value::Fixed(_, bytes)) => write::fixed(out, bytes),
                (_, value) => panic!("{value:?} was not drawn of `{name}`"),
            }
        }
        (Shape::Null, Value::Null) => {}
        (shape, value) => panic!("{value:?} was not drawn of {shape:?}"),
    }
}

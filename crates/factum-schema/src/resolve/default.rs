//! A default's bytes.

use serde_json::Value;

use crate::default::bytes;
use crate::resolve::Resolution;
use crate::schema::{Body, Field, Named, Schema, Shape, Type};
use crate::write;

/// Why a default has no bytes: the defaults are larger than [`Resolution::MAX_DEFAULT`], or it holds itself.
pub(super) struct TooLarge;

type Result = std::result::Result<(), TooLarge>;

/// The bytes of the field's default, of which there may be `left` more, and as many values.
pub(super) fn encode(
    schema: &Schema,
    field: &Field,
    value: &Value,
    left: &mut usize,
) -> std::result::Result<Box<[u8]>, TooLarge> {
    let mut encoder = Encoder {
        schema,
        out: Vec::new(),
        calls: 0,
        most: *left,
    };
    encoder.ty(&field.ty, value, 0)?;
    *left = left.checked_sub(encoder.size()).ok_or(TooLarge)?;
    Ok(encoder.out.into())
}

struct Encoder<'a> {
    schema: &'a Schema,
    out: Vec<u8>,
    /// How many values were written: those that take no bytes count too.
    calls: usize,
    /// The size that is too large.
    most: usize,
}

impl Encoder<'_> {
    fn size(&self) -> usize {
        self.out.len().max(self.calls)
    }

    /// That the value fits the type was checked when the schema was parsed.
    fn ty(&mut self, ty: &Type, value: &Value, depth: u32) -> Result {
        self.calls += 1;
        if self.size() > self.most || depth == Resolution::MAX_DEPTH {
            return Err(TooLarge);
        }
        match &ty.shape {
            Shape::Array(item) => self.array(item, value, depth + 1),
            Shape::Map(inner) => self.map(inner, value, depth + 1),
            Shape::Union(branches) => {
                let branch = self.schema.default_branch(branches, value).unwrap_or(0);
                write::index(&mut self.out, branch as u32);
                branches
                    .get(branch)
                    .map_or(Ok(()), |ty| self.ty(ty, value, depth + 1))
            }
            Shape::Named(name) => match self.schema.named(name) {
                Some(named) => self.named(named, value, depth + 1),
                None => Ok(()),
            },
            plain => {
                self.plain(plain, value);
                Ok(())
            }
        }
    }

    fn plain(&mut self, plain: &Shape, value: &Value) {
        let out = &mut self.out;
        match plain {
            Shape::Boolean => write::boolean(out, value.as_bool().unwrap_or_default()),
            Shape::Int | Shape::Long => write::long(out, value.as_i64().unwrap_or_default()),
            Shape::Float => write::float(out, value.as_f64().unwrap_or_default() as f32),
            Shape::Double => write::double(out, value.as_f64().unwrap_or_default()),
            Shape::Bytes => write::bytes(out, &bytes(value).unwrap_or_default()),
            Shape::String => write::string(out, value.as_str().unwrap_or_default()),
            _ => {}
        }
    }

    fn array(&mut self, item: &Type, value: &Value, depth: u32) -> Result {
        let values = value.as_array().map_or(&[][..], Vec::as_slice);
        if !values.is_empty() {
            write::long(&mut self.out, values.len() as i64);
        }
        values
            .iter()
            .try_for_each(|value| self.ty(item, value, depth))?;
        self.out.push(0);
        Ok(())
    }

    fn map(&mut self, inner: &Type, value: &Value, depth: u32) -> Result {
        let values = value.as_object().into_iter().flatten();
        let count = values.clone().count();
        if count > 0 {
            write::long(&mut self.out, count as i64);
        }
        for (key, value) in values {
            write::string(&mut self.out, key);
            self.ty(inner, value, depth)?;
        }
        self.out.push(0);
        Ok(())
    }

    fn named(&mut self, named: &Named, value: &Value, depth: u32) -> Result {
        match &named.body {
            Body::Record(fields) => fields.iter().try_for_each(|field| {
                let inner = value.get(&field.name).or(field.default.as_ref());
                self.ty(&field.ty, inner.unwrap_or(&Value::Null), depth)
            }),
            Body::Enum { symbols, .. } => {
                let index = symbols
                    .iter()
                    .position(|symbol| value.as_str() == Some(symbol));
                write::index(&mut self.out, index.unwrap_or_default() as u32);
                Ok(())
            }
            Body::Fixed(_) => {
                write::fixed(&mut self.out, &bytes(value).unwrap_or_default());
                Ok(())
            }
        }
    }
}

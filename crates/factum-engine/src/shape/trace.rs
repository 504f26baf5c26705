//! A deserializer of nothing, which writes down what it is asked for.

use std::fmt;

use serde::de::value::U32Deserializer;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::explore::{Explorer, LENGTHS, NUMBERS, TEXTS};

/// How deep a type may nest before it counts as refused: one that never ends.
const DEEPEST: usize = 200;

pub(super) struct Tracer<'e> {
    explorer: &'e mut Explorer,
}

impl<'e> Tracer<'e> {
    pub fn new(explorer: &'e mut Explorer) -> Self {
        Self { explorer }
    }

    fn again(&mut self) -> Tracer<'_> {
        Tracer::new(self.explorer)
    }

    /// Notes a named type, and goes into it.
    fn named<T>(
        self,
        kind: &str,
        name: &str,
        parts: &[&str],
        inside: impl FnOnce(Tracer<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let parts = parts.join(", ");
        self.explorer.saw(&format!("{kind} {name}({parts})"));
        self.inside(name.to_owned(), inside)
    }

    fn inside<T>(
        mut self,
        place: String,
        inside: impl FnOnce(Tracer<'_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        if self.explorer.depth() > DEEPEST {
            return Err(Refused);
        }
        self.explorer.enter(place);
        let value = inside(self.again())?;
        self.explorer.leave();
        Ok(value)
    }

    fn asked<T>(self) -> Result<T, Refused> {
        self.explorer.asked = true;
        Err(Refused)
    }

    /// How many elements to put into a list or map here: none into one that holds itself.
    fn elements(&self) -> usize {
        usize::from(!self.explorer.is_nested())
    }
}

/// A value was refused, by the type or by the tracer. The explorer knows more.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! numbers {
    ($($method:ident $type:ident $visit:ident)*) => { $(
        #[allow(clippy::cast_lossless, reason = "`u8: Into<i8>` does not hold")]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            let sample = self.explorer.sample(stringify!($type), NUMBERS.len());
            visitor.$visit(NUMBERS[sample] as $type)
        }
    )* };
}

impl<'de> Deserializer<'de> for Tracer<'_> {
    type Error = Refused;

    numbers! {
        deserialize_i8 i8 visit_i8
        deserialize_i16 i16 visit_i16
        deserialize_i32 i32 visit_i32
        deserialize_i64 i64 visit_i64
        deserialize_i128 i128 visit_i128
        deserialize_u8 u8 visit_u8
        deserialize_u16 u16 visit_u16
        deserialize_u32 u32 visit_u32
        deserialize_u64 u64 visit_u64
        deserialize_u128 u128 visit_u128
        deserialize_f32 f32 visit_f32
        deserialize_f64 f64 visit_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let sample = self.explorer.sample("bool", 2);
        visitor.visit_bool(sample == 0)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.explorer.sample("char", 1);
        visitor.visit_char('a')
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let sample = self.explorer.sample("str", TEXTS.len());
        visitor.visit_str(TEXTS[sample])
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let sample = self.explorer.sample("bytes", LENGTHS.len());
        visitor.visit_bytes(&vec![0; LENGTHS[sample]])
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.explorer.saw("option");
        self.explorer.enter_part("?");
        let value = match self.explorer.is_nested() {
            true => visitor.visit_none(),
            false => visitor.visit_some(Tracer::new(self.explorer)),
        }?;
        self.explorer.leave();
        Ok(value)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.explorer.saw("unit");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.explorer.saw(&format!("unit {name}"));
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.named("newtype", name, &[], |inside| {
            visitor.visit_newtype_struct(inside)
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.explorer.saw("list");
        self.explorer.enter_part("[]");
        let left = self.elements();
        let value = visitor.visit_seq(Elements {
            tracer: Tracer::new(self.explorer),
            left,
        })?;
        self.explorer.leave();
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.explorer.saw(&format!("tuple of {len}"));
        visitor.visit_seq(Parts::numbered(self, len))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.named(&format!("{len}-tuple"), name, &[], |inside| {
            visitor.visit_seq(Parts::numbered(inside, len))
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.explorer.saw("map");
        self.explorer.enter_part("{}");
        let left = self.elements();
        let value = visitor.visit_map(Elements {
            tracer: Tracer::new(self.explorer),
            left,
        })?;
        self.explorer.leave();
        Ok(value)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.named("struct", name, fields, |inside| {
            visitor.visit_seq(Parts::named(inside, fields))
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let of = format!("{name}({})", variants.join(", "));
        self.explorer.saw(&format!("enum {of}"));
        let chosen = self.explorer.choose(&of, variants.len() as u32);
        let Some(variant) = variants.get(chosen as usize) else {
            return Err(Refused); // an enum without variants has no value
        };
        let place = format!("{name}::{variant}");
        let value = self.again().inside(place, |tracer| {
            visitor.visit_enum(Variant { tracer, chosen })
        })?;
        self.explorer.ended(&of, chosen);
        Ok(value)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        self.asked()
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        self.asked()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Refused> {
        self.asked()
    }

    fn is_human_readable(&self) -> bool {
        false // as the format of checkpoints is not
    }
}

/// The parts of a struct or tuple, one after the other.
struct Parts<'e> {
    tracer: Tracer<'e>,
    fields: Option<&'static [&'static str]>,
    count: usize,
    at: usize,
}

impl<'e> Parts<'e> {
    fn numbered(tracer: Tracer<'e>, count: usize) -> Self {
        Self {
            tracer,
            fields: None,
            count,
            at: 0,
        }
    }

    fn named(tracer: Tracer<'e>, fields: &'static [&'static str]) -> Self {
        Self {
            tracer,
            fields: Some(fields),
            count: fields.len(),
            at: 0,
        }
    }
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        if self.at == self.count {
            return Ok(None);
        }
        let part = match self.fields {
            Some(fields) => format!(".{}", fields[self.at]),
            None => format!(".{}", self.at),
        };
        self.at += 1;
        self.tracer.explorer.enter_part(&part);
        let value = seed.deserialize(self.tracer.again())?;
        self.tracer.explorer.leave();
        Ok(Some(value))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.count - self.at)
    }
}

/// The one element of a list, or the one entry of a map.
struct Elements<'e> {
    tracer: Tracer<'e>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        seed.deserialize(self.tracer.again()).map(Some)
    }
}

impl<'de> MapAccess<'de> for Elements<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        self.tracer.explorer.enter_part("key");
        let key = seed.deserialize(self.tracer.again())?;
        self.tracer.explorer.leave();
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        seed.deserialize(self.tracer.again())
    }
}

struct Variant<'e> {
    tracer: Tracer<'e>,
    chosen: u32,
}

impl<'de, 'e> EnumAccess<'de> for Variant<'e> {
    type Error = Refused;
    type Variant = Tracer<'e>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Tracer<'e>), Refused> {
        let index: U32Deserializer<Refused> = self.chosen.into_deserializer();
        Ok((seed.deserialize(index)?, self.tracer))
    }
}

impl<'de> VariantAccess<'de> for Tracer<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, Refused> {
        self.explorer.enter_part(".0");
        let value = seed.deserialize(self.again())?;
        self.explorer.leave();
        Ok(value)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.explorer.saw(&format!("tuple of {len}"));
        visitor.visit_seq(Parts::numbered(self, len))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.explorer
            .saw(&format!("variant({})", fields.join(", ")));
        visitor.visit_seq(Parts::named(self, fields))
    }
}

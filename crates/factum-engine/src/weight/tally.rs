//! A serializer that writes nothing, and adds up what it is shown.

use std::fmt;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::Weight;

pub(super) struct Tally;

/// The fields of a struct, or what else lies side by side.
#[derive(Default)]
pub(super) struct Fields(Weight);

/// The elements of a collection.
#[derive(Default)]
pub(super) struct Elements {
    weight: Weight,
    /// A map has about half as much room again as it has entries.
    is_map: bool,
}

/// A value whose `Serialize` fails; it cannot be stored either.
#[derive(Debug)]
pub(super) struct Unserializable;

impl fmt::Display for Unserializable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value cannot be serialized")
    }
}

impl std::error::Error for Unserializable {}

impl Error for Unserializable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

type Weighed = Result<Weight, Unserializable>;

impl Fields {
    /// Those of an enum's variant, behind the number that tells it.
    fn of_variant() -> Self {
        Self(Weight::plain(1))
    }

    fn add(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Unserializable> {
        self.0 = self.0.and(value.serialize(Tally)?);
        Ok(())
    }
}

impl Elements {
    fn add(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Unserializable> {
        self.weight = self.weight.and(value.serialize(Tally)?);
        Ok(())
    }

    fn allocated(self) -> Weight {
        let inline = self.weight.inline;
        let room = if self.is_map { inline / 2 } else { 0 };
        Weight::allocated(inline + room, self.weight.heap)
    }
}

macro_rules! plain {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, _: $type) -> Weighed {
            Ok(Weight::plain(size_of::<$type>()))
        })*
    };
}

impl Serializer for Tally {
    type Ok = Weight;
    type Error = Unserializable;
    type SerializeSeq = Elements;
    type SerializeTuple = Fields;
    type SerializeTupleStruct = Fields;
    type SerializeTupleVariant = Fields;
    type SerializeMap = Elements;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    plain! {
        serialize_bool: bool, serialize_char: char,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64,
    }

    /// As the format of checkpoints is not.
    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_str(self, text: &str) -> Weighed {
        Ok(Weight::allocated(text.len(), 0))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Weighed {
        Ok(Weight::allocated(bytes.len(), 0))
    }

    fn serialize_none(self) -> Weighed {
        Ok(Weight::plain(8)) // of what there might be, nothing is known
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Weighed {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Weighed {
        Ok(Weight::default())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Weighed {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Weighed {
        Ok(Fields::of_variant().0)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Weighed {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Weighed {
        let mut fields = Fields::of_variant();
        fields.add(value)?;
        Ok(fields.0.padded())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, Unserializable> {
        Ok(Elements::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<Fields, Unserializable> {
        Ok(Fields::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Fields, Unserializable> {
        Ok(Fields::default())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Fields, Unserializable> {
        Ok(Fields::of_variant())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements, Unserializable> {
        Ok(Elements {
            is_map: true,
            ..Elements::default()
        })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields, Unserializable> {
        Ok(Fields::default())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Fields, Unserializable> {
        Ok(Fields::of_variant())
    }
}

impl SerializeSeq for Elements {
    type Ok = Weight;
    type Error = Unserializable;

    fn serialize_element<T: Serialize + ?Sized>(
        &mut self,
        value: &T,
    ) -> Result<(), Unserializable> {
        self.add(value)
    }

    fn end(self) -> Weighed {
        Ok(self.allocated())
    }
}

impl SerializeMap for Elements {
    type Ok = Weight;
    type Error = Unserializable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unserializable> {
        self.add(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unserializable> {
        self.add(value)
    }

    fn end(self) -> Weighed {
        Ok(self.allocated())
    }
}

/// The four kinds of values whose fields lie side by side differ in their names only.
macro_rules! fields {
    ($($trait:ident::$method:ident($($name:ident: $type:ty)?)),* $(,)?) => {
        $(impl $trait for Fields {
            type Ok = Weight;
            type Error = Unserializable;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($name: $type,)?
                value: &T,
            ) -> Result<(), Unserializable> {
                self.add(value)
            }

            fn end(self) -> Weighed {
                Ok(self.0.padded())
            }
        })*
    };
}

fields! {
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(_name: &'static str),
    SerializeStructVariant::serialize_field(_name: &'static str),
}

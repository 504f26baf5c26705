//! Serde for fixeds of more than 32 bytes, for whose arrays serde has no implementation of its own.
//!
//! Generated code names this module, as `#[serde(with = "factum::schema::serde_fixed")]`, in front of fields and
//! branches. Such an array looks as a shorter one does: its bytes, one by one.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes what [`Fixeds`] are.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<T: Fixeds, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.serialize(serializer)
}

/// Reads what [`Fixeds`] are.
///
/// # Errors
/// Those of the deserializer, or a fixed has another number of bytes.
pub fn deserialize<'de, T: Fixeds, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(deserializer)
}

/// A fixed of any number of bytes, or what holds fixeds: an option, an array or a map.
pub trait Fixeds: Sized {
    /// As serde's.
    ///
    /// # Errors
    /// Those of the serializer.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// As serde's.
    ///
    /// # Errors
    /// Those of the deserializer, or a fixed has another number of bytes.
    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

impl<const N: usize> Fixeds for [u8; N] {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(N)?;
        for byte in self {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(N, Bytes)
    }
}

struct Bytes<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for Bytes<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<[u8; N], A::Error> {
        let mut bytes = [0; N];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let item = items.next_element()?;
            *byte = item.ok_or_else(|| A::Error::invalid_length(index, &self))?;
        }
        Ok(bytes)
    }
}

/// An item of what holds fixeds, for serde's own implementations.
struct Item<T>(T);

impl<T: Fixeds> Serialize for Item<&T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Fixeds> Deserialize<'de> for Item<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Item)
    }
}

impl<T: Fixeds> Fixeds for Option<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Serialize::serialize(&self.as_ref().map(Item), serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let item: Option<Item<T>> = Deserialize::deserialize(deserializer)?;
        Ok(item.map(|Item(item)| item))
    }
}

impl<T: Fixeds> Fixeds for Vec<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Item))
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items: Vec<Item<T>> = Deserialize::deserialize(deserializer)?;
        Ok(items.into_iter().map(|Item(item)| item).collect())
    }
}

impl<T: Fixeds> Fixeds for BTreeMap<String, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, item)| (key, Item(item))))
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let items: BTreeMap<String, Item<T>> = Deserialize::deserialize(deserializer)?;
        let items = items.into_iter();
        Ok(items.map(|(key, Item(item))| (key, item)).collect())
    }
}

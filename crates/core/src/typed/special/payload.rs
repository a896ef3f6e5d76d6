//! The exact form of a special value on its way to a reader.

use serde::de::value::SeqDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};

use super::Special;
use crate::typed::codec_error::CodecError;
use crate::value::Value;

type Result<T> = std::result::Result<T, CodecError>;

/// The exact form of a special value.
#[derive(Clone, Copy)]
pub(crate) enum Payload<'de> {
    Micros(i64),
    Degrees([f64; 2]),
    /// The other database's name, empty for none, and the path.
    Name([&'de str; 2]),
    Numbers(&'de [f64]),
}

impl<'de> Payload<'de> {
    /// The exact form of `value`, if it is special.
    pub(crate) fn of(value: &'de Value) -> Option<Self> {
        Some(match value {
            Value::Timestamp(timestamp) => Self::Micros(timestamp.as_micros()),
            Value::GeoPoint(point) => Self::Degrees([point.latitude(), point.longitude()]),
            Value::Reference(reference) => {
                Self::Name([reference.database().unwrap_or_default(), reference.path().as_str()])
            }
            Value::Vector(numbers) => Self::Numbers(numbers),
            _ => return None,
        })
    }

    pub(crate) fn special(self) -> Special {
        match self {
            Self::Micros(_) => Special::Timestamp,
            Self::Degrees(_) => Special::GeoPoint,
            Self::Name(_) => Special::Reference,
            Self::Numbers(_) => Special::Vector,
        }
    }

    /// The form as the one entry of a map, under the type's name.
    pub(crate) fn tagged(self) -> Tagged<'de> {
        Tagged { payload: self, is_read: false }
    }
}

impl<'de> Deserializer<'de> for Payload<'de> {
    type Error = CodecError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self {
            Self::Micros(micros) => visitor.visit_i64(micros),
            Self::Degrees(pair) => visitor.visit_seq(SeqDeserializer::new(pair.into_iter())),
            Self::Name(pair) => visitor.visit_seq(SeqDeserializer::new(pair.into_iter())),
            Self::Numbers(numbers) => {
                visitor.visit_seq(SeqDeserializer::new(numbers.iter().copied()))
            }
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// A payload that comes as a tagged map.
pub(crate) struct TaggedPayload<'de>(pub(crate) Payload<'de>);

impl<'de> Deserializer<'de> for TaggedPayload<'de> {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_map(self.0.tagged())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

/// The one entry of a tagged map.
pub(crate) struct Tagged<'de> {
    payload: Payload<'de>,
    is_read: bool,
}

impl<'de> MapAccess<'de> for Tagged<'de> {
    type Error = CodecError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        if std::mem::replace(&mut self.is_read, true) {
            return Ok(None);
        }
        seed.deserialize(self.payload.special().name().into_deserializer()).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        seed.deserialize(self.payload)
    }
}

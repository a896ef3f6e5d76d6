//! The types that serde has no word for, told by newtype structs with names of our own.
//!
//! Our serializer and deserializer know the names and take the exact form inside. Any other format
//! sees an ordinary newtype with the readable form. What serde buffers on its way (`flatten`,
//! untagged and internally tagged enums) loses the name of a newtype, so there the exact form
//! travels in a map whose one key is the name.

mod geo_point;
mod payload;
mod reference;
mod timestamp;
mod value;
mod vector;

pub(crate) use payload::{Payload, TaggedPayload};
pub use vector::Vector;

use std::fmt;
use std::marker::PhantomData;

use serde::de::{
    Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde::ser::{Serialize, Serializer};

use super::codec_error::CodecError;
use crate::Result;
use crate::timestamp::Timestamp;
use crate::value::{GeoPoint, Reference, Value};

/// A type with a name of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Timestamp,
    GeoPoint,
    Reference,
    Vector,
    /// A [`Value`], which takes any type; only readers say it.
    Value,
}

impl Special {
    const ALL: [Self; 5] =
        [Self::Timestamp, Self::GeoPoint, Self::Reference, Self::Vector, Self::Value];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Timestamp => "$firekeep::timestamp",
            Self::GeoPoint => "$firekeep::geo_point",
            Self::Reference => "$firekeep::reference",
            Self::Vector => "$firekeep::vector",
            Self::Value => "$firekeep::value",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|special| special.name() == name)
    }

    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Timestamp => "a timestamp",
            Self::GeoPoint => "a geo point",
            Self::Reference => "a reference",
            Self::Vector => "a vector",
            Self::Value => "a value",
        }
    }

    /// Makes the special value of its exact form.
    pub(crate) fn wrap(self, exact: Value) -> std::result::Result<Value, CodecError> {
        let made = match (self, exact) {
            (Self::Timestamp, Value::Integer(micros)) => {
                Timestamp::from_micros(micros).map(Value::Timestamp)
            }
            (Self::GeoPoint, Value::Array(pair)) => match pair.as_slice() {
                [Value::Double(latitude), Value::Double(longitude)] => {
                    GeoPoint::new(*latitude, *longitude).map(Value::GeoPoint)
                }
                _ => return Err(self.malformed()),
            },
            (Self::Reference, Value::Array(pair)) => match <[Value; 2]>::try_from(pair) {
                Ok([Value::String(database), Value::String(path)]) => {
                    Reference::from_exact((database, path)).map(Value::Reference)
                }
                _ => return Err(self.malformed()),
            },
            (Self::Vector, Value::Array(numbers)) => {
                let doubles: Option<Vec<f64>> = numbers.iter().map(Value::as_double).collect();
                return doubles.map(Value::Vector).ok_or_else(|| self.malformed());
            }
            (Self::Value, value) => return Ok(value),
            _ => return Err(self.malformed()),
        };
        made.map_err(|error| CodecError::new(error.message()))
    }

    fn malformed(self) -> CodecError {
        CodecError::new(format!("a newtype struct named {} that is none of ours", self.name()))
    }
}

/// A type with an exact form for us and a readable one for everybody else.
pub(crate) trait SpecialType: Sized {
    const SPECIAL: Special;
    /// The exact form.
    type Exact: DeserializeOwned;

    fn serialize_exact<S: Serializer>(&self, serializer: S)
    -> std::result::Result<S::Ok, S::Error>;
    fn serialize_readable<S: Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error>;

    fn from_exact(exact: Self::Exact) -> Result<Self>;

    /// The readable form, where it is text.
    fn from_text<E: serde::de::Error>(_: &str) -> std::result::Result<Self, E> {
        Err(E::custom(format_args!("expected {}, found a string", Self::SPECIAL.expected())))
    }

    /// The readable form, where it is a map.
    fn from_map<'de, A: MapAccess<'de>>(
        _first: String,
        _map: A,
    ) -> std::result::Result<Self, A::Error> {
        Err(A::Error::custom(format_args!("expected {}, found a map", Self::SPECIAL.expected())))
    }

    /// The readable form, where it is a list.
    fn from_seq<'de, A: SeqAccess<'de>>(_: A) -> std::result::Result<Self, A::Error> {
        Err(A::Error::custom(format_args!("expected {}, found an array", Self::SPECIAL.expected())))
    }
}

pub(crate) fn serialize<T: SpecialType, S: Serializer>(
    value: &T,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_newtype_struct(T::SPECIAL.name(), &Form(value))
}

pub(crate) fn deserialize<'de, T: SpecialType, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    deserializer.deserialize_newtype_struct(T::SPECIAL.name(), FormVisitor::<T>(PhantomData))
}

struct Form<'a, T>(&'a T);

impl<T: SpecialType> Serialize for Form<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.0.serialize_readable(serializer)
        } else {
            self.0.serialize_exact(serializer)
        }
    }
}

struct FormVisitor<T>(PhantomData<T>);

impl<'de, T: SpecialType> Visitor<'de> for FormVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::SPECIAL.expected())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(
        self,
        inside: D,
    ) -> std::result::Result<T, D::Error> {
        if inside.is_human_readable() {
            inside.deserialize_any(self)
        } else {
            exactly(T::Exact::deserialize(inside)?)
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<T, E> {
        T::from_text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> std::result::Result<T, A::Error> {
        T::from_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<T, A::Error> {
        match map.next_key::<String>()? {
            Some(key) if key == T::SPECIAL.name() => exactly(map.next_value()?),
            Some(first) => T::from_map(first, map),
            None => Err(A::Error::custom(format_args!(
                "expected {}, found an empty map",
                T::SPECIAL.expected()
            ))),
        }
    }
}

fn exactly<T: SpecialType, E: serde::de::Error>(exact: T::Exact) -> std::result::Result<T, E> {
    T::from_exact(exact).map_err(|error| E::custom(error.message()))
}

/// Passes serde's two traits on to [`SpecialType`].
macro_rules! special_type {
    ($type:ty) => {
        impl ::serde::Serialize for $type {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::typed::special::serialize(self, serializer)
            }
        }
        impl<'de> ::serde::Deserialize<'de> for $type {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::typed::special::deserialize(deserializer)
            }
        }
    };
}
pub(crate) use special_type;

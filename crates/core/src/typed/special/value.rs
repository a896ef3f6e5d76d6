//! A field of any type: [`Value`] itself.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Special, SpecialType, Vector};
use crate::timestamp::Timestamp;
use crate::value::{Fields, GeoPoint, Reference, Value};

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(value) => serializer.serialize_i64(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Timestamp(value) => value.serialize(serializer),
            Self::String(value) => serializer.serialize_str(value),
            Self::Bytes(value) => serializer.serialize_bytes(value),
            Self::Reference(value) => value.serialize(serializer),
            Self::GeoPoint(value) => value.serialize(serializer),
            Self::Array(elements) => serializer.collect_seq(elements),
            Self::Vector(numbers) => Vector(numbers.clone()).serialize(serializer),
            Self::Map(fields) => serializer.collect_map(fields),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ValueVisitor { verbatim: false };
        deserializer.deserialize_newtype_struct(Special::Value.name(), visitor)
    }
}

struct ValueVisitor {
    /// Whether a map is a map whatever its keys are, because special values come as newtypes.
    verbatim: bool,
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<Value, D::Error> {
        let verbatim = !inside.is_human_readable();
        inside.deserialize_any(Self { verbatim })
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inside: D) -> Result<Value, D::Error> {
        Value::deserialize(inside)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        i64::try_from(value)
            .map(Value::Integer)
            .map_err(|_| E::custom("an integer is greater than the largest i64"))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::Bytes(value.to_vec().into()))
    }

    fn visit_byte_buf<E>(self, value: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bytes(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Fields::new();
        while let Some(key) = map.next_key::<String>()? {
            match Special::named(&key) {
                Some(special) if !self.verbatim && fields.is_empty() => {
                    return tagged(special, map);
                }
                _ => fields.insert(key, map.next_value()?),
            };
        }
        Ok(Value::Map(fields))
    }
}

fn tagged<'de, A: MapAccess<'de>>(special: Special, mut map: A) -> Result<Value, A::Error> {
    let made = match special {
        Special::Timestamp => Timestamp::from_exact(map.next_value()?).map(Value::Timestamp),
        Special::GeoPoint => GeoPoint::from_exact(map.next_value()?).map(Value::GeoPoint),
        Special::Reference => Reference::from_exact(map.next_value()?).map(Value::Reference),
        Special::Vector => Vector::from_exact(map.next_value()?).map(Value::from),
        Special::Value => return map.next_value(),
    };
    made.map_err(|error| A::Error::custom(error.message()))
}

//! From a Firestore value to a Rust value.

use serde::de::{Deserializer, IntoDeserializer, Visitor};

use super::access::{FieldsAccess, OneEntry, visit_array};
use super::codec_error::CodecError;
use super::special::{Payload, Special, TaggedPayload};
use crate::value::Value;

type Result<T> = std::result::Result<T, CodecError>;

/// Reads a [`Value`]; text and bytes are lent, not copied.
#[derive(Clone, Copy)]
pub(crate) struct ValueDeserializer<'de> {
    value: &'de Value,
    /// Whether the reader is a [`Value`] itself, to whom special values come as newtypes, so that
    /// no stored map can pass for one.
    verbatim: bool,
}

impl<'de> ValueDeserializer<'de> {
    pub(crate) fn new(value: &'de Value) -> Self {
        Self { value, verbatim: false }
    }

    fn mismatch<T>(&self, expected: &str) -> Result<T> {
        Err(CodecError::new(format!("expected {expected}, found {}", self.value.type_name())))
    }

    fn visit_special<V: Visitor<'de>>(self, payload: Payload<'de>, visitor: V) -> Result<V::Value> {
        if self.verbatim {
            visitor.visit_newtype_struct(TaggedPayload(payload))
        } else {
            visitor.visit_map(payload.tagged())
        }
    }
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.value {
                Value::Integer(value) => visitor.visit_i64(*value),
                _ => self.mismatch("an integer"),
            }
        })*
    };
}

macro_rules! only {
    ($($method:ident($pattern:pat) $expected:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
            match self.value {
                $pattern => self.deserialize_any(visitor),
                _ => self.mismatch($expected),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for ValueDeserializer<'de> {
    type Error = CodecError;

    fn is_human_readable(&self) -> bool {
        !self.verbatim
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Double(value) => visitor.visit_f64(*value),
            Value::String(value) => visitor.visit_borrowed_str(value),
            Value::Bytes(value) => visitor.visit_borrowed_bytes(value),
            Value::Array(elements) => visit_array(elements, visitor),
            Value::Map(fields) => visitor.visit_map(FieldsAccess::new(fields)),
            special => match Payload::of(special) {
                Some(payload) => self.visit_special(payload, visitor),
                None => self.mismatch("a known type"),
            },
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i128 deserialize_u128
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Value::Double(value) => visitor.visit_f64(*value),
            Value::Integer(value) => match exact_double(*value) {
                Some(value) => visitor.visit_f64(value),
                None => self.mismatch("a double, which this integer is not exactly"),
            },
            _ => self.mismatch("a double"),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.deserialize_f64(visitor)
    }

    only! {
        deserialize_bool(Value::Bool(_)) "a boolean";
        deserialize_char(Value::String(_)) "a string";
        deserialize_str(Value::String(_)) "a string";
        deserialize_string(Value::String(_)) "a string";
        deserialize_bytes(Value::Bytes(_) | Value::Array(_)) "bytes";
        deserialize_byte_buf(Value::Bytes(_) | Value::Array(_)) "bytes";
        deserialize_unit(Value::Null) "null";
        deserialize_seq(Value::Array(_)) "an array";
        deserialize_map(Value::Map(_)) "a map";
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match Special::named(name) {
            None => visitor.visit_newtype_struct(self),
            Some(Special::Value) => visitor.visit_newtype_struct(Self { verbatim: true, ..self }),
            Some(special) => match Payload::of(self.value) {
                Some(payload) if payload.special() == special => {
                    visitor.visit_newtype_struct(payload)
                }
                _ => self.mismatch(special.expected()),
            },
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.value {
            Value::String(variant) => visitor.visit_enum(variant.as_str().into_deserializer()),
            Value::Map(fields) if fields.len() == 1 => match fields.first_key_value() {
                Some((variant, value)) => visitor.visit_enum(OneEntry { variant, value }),
                None => self.mismatch("a map of one entry"),
            },
            _ => self.mismatch("a string, or a map of one entry"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { identifier }
}

/// The double equal to `integer`, if there is one.
fn exact_double(integer: i64) -> Option<f64> {
    let double = integer as f64;
    // 2^63 rounds up from i64::MAX and would come back as i64::MAX.
    (double < 9_223_372_036_854_775_808.0 && double as i64 == integer).then_some(double)
}

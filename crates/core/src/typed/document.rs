//! A document's fields as serde reads them: a map, at the outermost level.

use serde::de::{Deserializer, Visitor};

use super::access::{FieldsAccess, OneEntry};
use super::codec_error::CodecError;
use super::special::Special;
use crate::value::Fields;

type Result<T> = std::result::Result<T, CodecError>;

/// Reads a document's fields, as a map of them is read.
pub(crate) struct FieldsDeserializer<'de>(&'de Fields);

impl<'de> FieldsDeserializer<'de> {
    pub(crate) fn new(fields: &'de Fields) -> Self {
        Self(fields)
    }
}

impl<'de> Deserializer<'de> for FieldsDeserializer<'de> {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_map(FieldsAccess::new(self.0))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value> {
        match Special::named(name) {
            None => visitor.visit_newtype_struct(self),
            Some(Special::Value) => visitor.visit_newtype_struct(VerbatimFields(self.0)),
            Some(special) => {
                Err(CodecError::new(format!("expected {}, found a document", special.expected())))
            }
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        match self.0.first_key_value() {
            Some((variant, value)) if self.0.len() == 1 => {
                visitor.visit_enum(OneEntry { variant, value })
            }
            _ => Err(CodecError::new("expected a document of one field")),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// A document's fields read as a [`Value`].
struct VerbatimFields<'de>(&'de Fields);

impl<'de> Deserializer<'de> for VerbatimFields<'de> {
    type Error = CodecError;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_map(FieldsAccess::new(self.0))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

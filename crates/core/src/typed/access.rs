//! What is inside maps, arrays and variants, piece by piece.

use std::collections::btree_map;

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::codec_error::CodecError;
use super::de::ValueDeserializer;
use super::key::KeyDeserializer;
use crate::value::{Fields, Value};

type Result<T> = std::result::Result<T, CodecError>;

/// The entries of a map.
pub(crate) struct FieldsAccess<'de> {
    entries: btree_map::Iter<'de, String, Value>,
    entry: Option<(&'de String, &'de Value)>,
}

impl<'de> FieldsAccess<'de> {
    pub(crate) fn new(fields: &'de Fields) -> Self {
        Self { entries: fields.iter(), entry: None }
    }
}

impl<'de> MapAccess<'de> for FieldsAccess<'de> {
    type Error = CodecError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>> {
        self.entry = self.entries.next();
        let key = |(name, _): (&'de String, &'de Value)| {
            seed.deserialize(KeyDeserializer(name)).map_err(|error| error.in_field(name))
        };
        self.entry.map(key).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        let (name, value) = self
            .entry
            .take()
            .ok_or_else(|| CodecError::new("a value is asked for before a key"))?;
        seed.deserialize(ValueDeserializer::new(value)).map_err(|error| error.in_field(name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// Reads all elements of an array; a reader that leaves some is an error.
pub(crate) fn visit_array<'de, V: Visitor<'de>>(
    elements: &'de [Value],
    visitor: V,
) -> Result<V::Value> {
    let mut access = ArrayAccess { elements, next: 0 };
    let read = visitor.visit_seq(&mut access)?;
    if access.next < elements.len() {
        let (found, read) = (elements.len(), access.next);
        return Err(CodecError::new(format!("expected {read} elements, found {found}")));
    }
    Ok(read)
}

struct ArrayAccess<'de> {
    elements: &'de [Value],
    next: usize,
}

impl<'de> SeqAccess<'de> for &mut ArrayAccess<'de> {
    type Error = CodecError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        let Some(element) = self.elements.get(self.next) else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        let read = seed.deserialize(ValueDeserializer::new(element));
        read.map(Some).map_err(|error| error.in_element(index))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.len() - self.next)
    }
}

/// A variant with content.
pub(crate) struct OneEntry<'de> {
    pub(crate) variant: &'de str,
    pub(crate) value: &'de Value,
}

impl<'de> EnumAccess<'de> for OneEntry<'de> {
    type Error = CodecError;
    type Variant = VariantContent<'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant)> {
        let variant = seed.deserialize(KeyDeserializer(self.variant))?;
        Ok((variant, VariantContent(self)))
    }
}

pub(crate) struct VariantContent<'de>(OneEntry<'de>);

impl<'de> VariantContent<'de> {
    fn placed<T>(self, read: impl FnOnce(ValueDeserializer<'de>) -> Result<T>) -> Result<T> {
        let OneEntry { variant, value } = self.0;
        read(ValueDeserializer::new(value)).map_err(|error| error.in_field(variant))
    }
}

impl<'de> VariantAccess<'de> for VariantContent<'de> {
    type Error = CodecError;

    fn unit_variant(self) -> Result<()> {
        self.placed(de::Deserialize::deserialize)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value> {
        self.placed(|value| seed.deserialize(value))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value> {
        self.placed(|value| value.deserialize_tuple(len, visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value> {
        self.placed(|value| value.deserialize_struct("", fields, visitor))
    }
}

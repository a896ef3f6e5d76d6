//! Which fields of a document belong to a type.
//!
//! Serde tells the names of a struct's fields to whoever deserializes it. The probe asks for them
//! and stops there: it never has a value to give. To reach a nested struct it yields the one
//! field on the way.

use std::cell::Cell;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor,
};

use super::codec_error::CodecError;
use super::special::Special;
use crate::Result;
use crate::field::FieldPath;
use crate::value::{Fields, Value};
use crate::write::MAX_DEPTH;

/// The mask under which `fields`, the serialized form of a `T`, are merged: every field that `T`
/// has, whether or not `fields` has it, and of structs inside likewise. A map, an array, an enum or
/// a value of any type is one field, replaced whole. Where `T` itself is no plain struct (it is a
/// map, or has a flattened field) the mask is what `fields` has.
pub(crate) fn own_mask<T: DeserializeOwned>(fields: &Fields) -> Result<Vec<FieldPath>> {
    let mut mask = Vec::new();
    match struct_fields::<T>(&[]) {
        Some(own) => walk::<T>(own, fields, &mut Vec::new(), &mut mask)?,
        None => {
            for name in fields.keys() {
                mask.push(FieldPath::from_segments([name])?);
            }
        }
    }
    Ok(mask)
}

/// Adds the struct at `trail`, whose fields are `own` and what `fields` has beside them.
///
/// The serialized value leads the way, so a type that contains itself ends where its value does.
fn walk<'a, T: DeserializeOwned>(
    own: &'static [&'static str],
    fields: &'a Fields,
    trail: &mut Vec<&'a str>,
    mask: &mut Vec<FieldPath>,
) -> Result<()> {
    let serialized = fields.keys().map(String::as_str);
    let unserialized = own.iter().copied().filter(|name| !fields.contains_key(*name));
    for name in serialized.chain(unserialized) {
        trail.push(name);
        let inner = match fields.get(name) {
            Some(Value::Map(inner)) if trail.len() <= MAX_DEPTH => Some(inner),
            _ => None,
        };
        match inner.and_then(|inner| Some((inner, struct_fields::<T>(trail)?))) {
            Some((inner, own)) => walk::<T>(own, inner, trail, mask)?,
            None => mask.push(FieldPath::from_segments(&*trail)?),
        }
        trail.pop();
    }
    Ok(())
}

/// The names of the fields of the struct that `T` has at `trail`; `None` if there is none.
fn struct_fields<T: DeserializeOwned>(trail: &[&str]) -> Option<&'static [&'static str]> {
    let found = Cell::new(None);
    // It fails always: either at the struct sought or at something that is none.
    let _ = T::deserialize(Probe { trail, found: &found });
    found.get()
}

#[derive(Clone, Copy)]
struct Probe<'a> {
    trail: &'a [&'a str],
    found: &'a Cell<Option<&'static [&'static str]>>,
}

fn stop<T>() -> std::result::Result<T, CodecError> {
    Err(CodecError::new("a probe has no values"))
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = CodecError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, CodecError> {
        match self.trail.split_first() {
            None => {
                self.found.set(Some(fields));
                stop()
            }
            Some((name, trail)) => {
                visitor.visit_map(OneField { name: Some(name), inside: Self { trail, ..self } })
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> std::result::Result<V::Value, CodecError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> std::result::Result<V::Value, CodecError> {
        match Special::named(name) {
            Some(_) => stop(),
            None => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> std::result::Result<V::Value, CodecError> {
        stop()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct OneField<'a> {
    name: Option<&'a str>,
    inside: Probe<'a>,
}

impl<'de> MapAccess<'de> for OneField<'_> {
    type Error = CodecError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> std::result::Result<Option<K::Value>, CodecError> {
        self.name.take().map(|name| seed.deserialize(name.into_deserializer())).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> std::result::Result<S::Value, CodecError> {
        seed.deserialize(self.inside)
    }
}

#[cfg(test)]
mod tests;

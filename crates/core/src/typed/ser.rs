//! From a Rust value to a Firestore value.

use bytes::Bytes;
use serde::ser::{self, Serialize};

use super::codec_error::CodecError;
use super::key::KeySerializer;
use super::special::Special;
use crate::value::{Fields, Value};

type Result<T = Value> = std::result::Result<T, CodecError>;

pub(crate) fn to_value<T: Serialize + ?Sized>(value: &T) -> Result {
    value.serialize(ValueSerializer { readable: true })
}

/// Makes a [`Value`]. What stands inside a special newtype is asked for its exact form by
/// `readable: false`.
#[derive(Clone, Copy)]
pub(crate) struct ValueSerializer {
    readable: bool,
}

macro_rules! integers {
    ($($method:ident: $type:ty;)*) => {
        $(fn $method(self, value: $type) -> Result {
            Ok(Value::Integer(value.into()))
        })*
    };
}

impl ser::Serializer for ValueSerializer {
    type Ok = Value;
    type Error = CodecError;
    type SerializeSeq = ArraySerializer;
    type SerializeTuple = ArraySerializer;
    type SerializeTupleStruct = ArraySerializer;
    type SerializeTupleVariant = ArraySerializer;
    type SerializeMap = MapSerializer;
    type SerializeStruct = MapSerializer;
    type SerializeStructVariant = MapSerializer;

    integers! {
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
    }

    fn is_human_readable(&self) -> bool {
        self.readable
    }

    fn serialize_u64(self, value: u64) -> Result {
        let value = i64::try_from(value)
            .map_err(|_| CodecError::new("an integer is greater than the largest i64"))?;
        Ok(Value::Integer(value))
    }

    fn serialize_i128(self, _: i128) -> Result {
        Err(CodecError::new("a 128-bit integer; store an i64 or a string"))
    }

    fn serialize_u128(self, _: u128) -> Result {
        Err(CodecError::new("a 128-bit integer; store an i64 or a string"))
    }

    fn serialize_bool(self, value: bool) -> Result {
        Ok(Value::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Result {
        Ok(Value::Double(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Result {
        Ok(Value::Double(value))
    }

    fn serialize_char(self, value: char) -> Result {
        Ok(Value::String(value.into()))
    }

    fn serialize_str(self, value: &str) -> Result {
        Ok(Value::String(value.to_owned()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result {
        Ok(Value::Bytes(Bytes::copy_from_slice(value)))
    }

    fn serialize_none(self) -> Result {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result {
        Ok(Value::String(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result {
        match Special::named(name) {
            Some(special) => special.wrap(value.serialize(Self { readable: false })?),
            None => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result {
        let value = value.serialize(self).map_err(|error| error.in_field(variant))?;
        Ok(one_entry(variant, value))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<ArraySerializer> {
        // A length is only a hint; a false one must not reserve memory.
        let elements = Vec::with_capacity(len.unwrap_or(0).min(1024));
        Ok(ArraySerializer { element: self, elements, variant: None })
    }

    fn serialize_tuple(self, len: usize) -> Result<ArraySerializer> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_struct(self, _: &'static str, len: usize) -> Result<ArraySerializer> {
        self.serialize_seq(Some(len))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<ArraySerializer> {
        Ok(ArraySerializer { variant: Some(variant), ..self.serialize_seq(Some(len))? })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<MapSerializer> {
        Ok(MapSerializer { value: self, fields: Fields::new(), key: None, variant: None })
    }

    fn serialize_struct(self, _: &'static str, len: usize) -> Result<MapSerializer> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<MapSerializer> {
        Ok(MapSerializer { variant: Some(variant), ..self.serialize_map(Some(len))? })
    }
}

fn one_entry(variant: &str, value: Value) -> Value {
    Value::Map(Fields::from([(variant.to_owned(), value)]))
}

pub(crate) struct ArraySerializer {
    element: ValueSerializer,
    elements: Vec<Value>,
    variant: Option<&'static str>,
}

impl ArraySerializer {
    fn push<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<()> {
        let value = element.serialize(self.element).and_then(|value| match value {
            Value::Array(_) => {
                Err(CodecError::new("an array holds an array directly; put a map between them"))
            }
            other => Ok(other),
        });
        self.elements.push(value.map_err(|error| {
            let error = error.in_element(self.elements.len());
            self.variant.into_iter().fold(error, CodecError::in_field)
        })?);
        Ok(())
    }

    fn finish(self) -> Value {
        let array = Value::Array(self.elements);
        match self.variant {
            Some(variant) => one_entry(variant, array),
            None => array,
        }
    }
}

pub(crate) struct MapSerializer {
    value: ValueSerializer,
    fields: Fields,
    key: Option<String>,
    variant: Option<&'static str>,
}

impl MapSerializer {
    fn insert<T: Serialize + ?Sized>(&mut self, name: String, value: &T) -> Result<()> {
        let value = value.serialize(self.value).map_err(|error| self.placed(&name, error))?;
        if self.fields.contains_key(&name) {
            return Err(self.placed(&name, CodecError::new("two entries have one key")));
        }
        self.fields.insert(name, value);
        Ok(())
    }

    fn placed(&self, name: &str, error: CodecError) -> CodecError {
        let error = error.in_field(name);
        self.variant.into_iter().fold(error, CodecError::in_field)
    }

    fn finish(self) -> Value {
        let map = Value::Map(self.fields);
        match self.variant {
            Some(variant) => one_entry(variant, map),
            None => map,
        }
    }
}

macro_rules! array_serializers {
    ($($trait:ident::$method:ident;)*) => {
        $(impl ser::$trait for ArraySerializer {
            type Ok = Value;
            type Error = CodecError;
            fn $method<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<()> {
                self.push(element)
            }
            fn end(self) -> Result {
                Ok(self.finish())
            }
        })*
    };
}
array_serializers! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! struct_serializers {
    ($($trait:ident;)*) => {
        $(impl ser::$trait for MapSerializer {
            type Ok = Value;
            type Error = CodecError;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<()> {
                self.insert(name.to_owned(), value)
            }
            fn end(self) -> Result {
                Ok(self.finish())
            }
        })*
    };
}
struct_serializers! {
    SerializeStruct;
    SerializeStructVariant;
}

impl ser::SerializeMap for MapSerializer {
    type Ok = Value;
    type Error = CodecError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.key = Some(key.serialize(KeySerializer)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let key = self.key.take().ok_or_else(|| CodecError::new("a value comes without a key"))?;
        self.insert(key, value)
    }

    fn end(self) -> Result {
        Ok(self.finish())
    }
}

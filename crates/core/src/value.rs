//! What a field may hold.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::path::DocPath;
use crate::timestamp::Timestamp;
use crate::{Error, Result};

/// The fields of a document or a map, by name, in UTF-8 byte order.
pub type Fields = BTreeMap<String, Value>;

/// A value that a field may hold.
///
/// `==` asks whether two values are *identical*, as the no-op-write rule does: `1` is not `1.0`,
/// `0.0` is not `-0.0`, NaN is NaN. Firestore's own equality, under which `1 == 1.0`, and its
/// order across types are in [`order`](crate::order).
#[derive(Clone)]
#[non_exhaustive]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// A 64-bit signed integer.
    Integer(i64),
    /// A 64-bit IEEE 754 number.
    Double(f64),
    /// A point in time in whole microseconds.
    Timestamp(Timestamp),
    /// UTF-8 text.
    String(String),
    /// Bytes.
    Bytes(Bytes),
    /// The name of a document.
    Reference(Reference),
    /// A point on the surface of the Earth.
    GeoPoint(GeoPoint),
    /// A list. It holds no list directly; a map between them is allowed.
    Array(Vec<Value>),
    /// A vector of doubles, at most 2,048.
    Vector(Vec<f64>),
    /// Named values.
    Map(Fields),
}

/// The name of a document, in this database or another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    database: Option<Arc<str>>,
    path: DocPath,
}

impl Reference {
    /// A document of the database that holds the reference.
    pub fn local(path: DocPath) -> Self {
        Self { database: None, path }
    }

    /// A document of another database, named `projects/…/databases/…`.
    pub fn foreign(database: impl Into<Arc<str>>, path: DocPath) -> Self {
        Self { database: Some(database.into()), path }
    }

    /// The other database's name, or `None` for the database that holds the reference.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The document's path within its database.
    pub fn path(&self) -> &DocPath {
        &self.path
    }
}

impl From<DocPath> for Reference {
    fn from(path: DocPath) -> Self {
        Self::local(path)
    }
}

/// A point on the surface of the Earth, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoPoint {
    latitude: f64,
    longitude: f64,
}

impl GeoPoint {
    /// Checks and makes a point.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) unless latitude is within ±90 and
    /// longitude within ±180 degrees.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self> {
        if !(-90.0..=90.0).contains(&latitude) {
            return Err(Error::invalid("a latitude lies outside -90 to 90 degrees"));
        }
        if !(-180.0..=180.0).contains(&longitude) {
            return Err(Error::invalid("a longitude lies outside -180 to 180 degrees"));
        }
        // Adding zero takes the sign off a zero: the protocol can't carry it.
        Ok(Self { latitude: latitude + 0.0, longitude: longitude + 0.0 })
    }

    /// Degrees north of the equator, -90 to 90.
    pub fn latitude(&self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich, -180 to 180.
    pub fn longitude(&self) -> f64 {
        self.longitude
    }
}

impl Value {
    /// The type's name, for error messages that must not show the value.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Integer(_) => "integer",
            Self::Double(_) => "double",
            Self::Timestamp(_) => "timestamp",
            Self::String(_) => "string",
            Self::Bytes(_) => "bytes",
            Self::Reference(_) => "reference",
            Self::GeoPoint(_) => "geo point",
            Self::Array(_) => "array",
            Self::Vector(_) => "vector",
            Self::Map(_) => "map",
        }
    }

    /// Whether this is a double that is not a number.
    pub fn is_nan(&self) -> bool {
        matches!(self, Self::Double(number) if number.is_nan())
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if this is one. A double is none, even if whole.
    pub fn as_integer(&self) -> Option<i64> {
        if let Self::Integer(value) = self { Some(*value) } else { None }
    }

    /// The number as a double, if this is an integer (rounded to the nearest) or a double.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(*value),
            Self::Integer(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(value) = self { Some(value) } else { None }
    }

    /// The point in time, if this is one.
    pub fn as_timestamp(&self) -> Option<Timestamp> {
        if let Self::Timestamp(value) = self { Some(*value) } else { None }
    }

    /// The bytes, if this is bytes.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        if let Self::Bytes(value) = self { Some(value) } else { None }
    }

    /// The reference, if this is one.
    pub fn as_reference(&self) -> Option<&Reference> {
        if let Self::Reference(value) = self { Some(value) } else { None }
    }

    /// The elements, if this is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Self::Array(value) = self { Some(value) } else { None }
    }

    /// The named values, if this is a map.
    pub fn as_map(&self) -> Option<&Fields> {
        if let Self::Map(value) = self { Some(value) } else { None }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(l), Self::Bool(r)) => l == r,
            (Self::Integer(l), Self::Integer(r)) => l == r,
            (Self::Double(l), Self::Double(r)) => identical(*l, *r),
            (Self::Timestamp(l), Self::Timestamp(r)) => l == r,
            (Self::String(l), Self::String(r)) => l == r,
            (Self::Bytes(l), Self::Bytes(r)) => l == r,
            (Self::Reference(l), Self::Reference(r)) => l == r,
            (Self::GeoPoint(l), Self::GeoPoint(r)) => {
                identical(l.latitude, r.latitude) && identical(l.longitude, r.longitude)
            }
            (Self::Array(l), Self::Array(r)) => l == r,
            (Self::Vector(l), Self::Vector(r)) => {
                l.len() == r.len() && l.iter().zip(r).all(|(l, r)| identical(*l, *r))
            }
            (Self::Map(l), Self::Map(r)) => l == r,
            _ => false,
        }
    }
}

impl Eq for Value {}

fn identical(left: f64, right: f64) -> bool {
    left.to_bits() == right.to_bits() || (left.is_nan() && right.is_nan())
}

impl fmt::Debug for Value {
    /// Prints the bare value, so that a failed assertion on a document can be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Double(value) => value.fmt(f),
            Self::Timestamp(value) => write!(f, "@{value}"),
            Self::String(value) => value.fmt(f),
            Self::Bytes(value) => value.fmt(f),
            Self::Reference(value) => write!(f, "&{}", value.path),
            Self::GeoPoint(value) => write!(f, "({}, {})", value.latitude, value.longitude),
            Self::Array(value) => value.fmt(f),
            Self::Vector(value) => write!(f, "vector{value:?}"),
            Self::Map(value) => value.fmt(f),
        }
    }
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $to:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($v: $from) -> Self { $to }
        })*
    };
}
value_from! {
    bool => |v| Self::Bool(v);
    i32 => |v| Self::Integer(v.into());
    u32 => |v| Self::Integer(v.into());
    i64 => |v| Self::Integer(v);
    f32 => |v| Self::Double(v.into());
    f64 => |v| Self::Double(v);
    &str => |v| Self::String(v.to_owned());
    String => |v| Self::String(v);
    &String => |v| Self::String(v.clone());
    Timestamp => |v| Self::Timestamp(v);
    Bytes => |v| Self::Bytes(v);
    DocPath => |v| Self::Reference(v.into());
    &DocPath => |v| Self::Reference(v.clone().into());
    Reference => |v| Self::Reference(v);
    GeoPoint => |v| Self::GeoPoint(v);
    Fields => |v| Self::Map(v);
    &Value => |v| v.clone();
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(elements: Vec<T>) -> Self {
        Self::Array(elements.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(elements: [T; N]) -> Self {
        Self::Array(elements.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Builds [`Fields`] from names and anything that converts into a [`Value`].
///
/// ```
/// use firekeep_core::{fields, Value};
/// let reading = fields! { "device" => "room-1", "celsius" => 23.7, "tags" => ["office", "north"] };
/// assert_eq!(reading["celsius"], Value::from(23.7));
/// ```
#[macro_export]
macro_rules! fields {
    ($($name:expr => $value:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "an empty map is never changed")]
        let mut fields = $crate::Fields::new();
        $(fields.insert(::std::string::String::from($name), $crate::Value::from($value));)*
        fields
    }};
}

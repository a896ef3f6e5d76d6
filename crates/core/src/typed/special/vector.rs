//! Vectors of doubles, which Firestore tells from arrays.

use serde::de::SeqAccess;
use serde::ser::{Serialize, Serializer};

use super::{Special, SpecialType, special_type};
use crate::value::Value;

/// A vector of doubles, for [`Value::Vector`]; a `Vec<f64>` is stored as an array.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vector(pub Vec<f64>);

impl From<Vec<f64>> for Vector {
    fn from(numbers: Vec<f64>) -> Self {
        Self(numbers)
    }
}

impl From<Vector> for Value {
    fn from(vector: Vector) -> Self {
        Self::Vector(vector.0)
    }
}

impl SpecialType for Vector {
    const SPECIAL: Special = Special::Vector;
    type Exact = Vec<f64>;

    fn serialize_exact<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }

    fn serialize_readable<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }

    fn from_exact(numbers: Vec<f64>) -> crate::Result<Self> {
        Ok(Self(numbers))
    }

    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let mut numbers = Vec::new();
        while let Some(number) = seq.next_element()? {
            numbers.push(number);
        }
        Ok(Self(numbers))
    }
}
special_type!(Vector);

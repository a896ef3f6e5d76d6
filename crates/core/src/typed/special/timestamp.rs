//! Timestamps, and versions, which are timestamps: microseconds, or RFC 3339.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::{Special, SpecialType, special_type};
use crate::document::Version;
use crate::timestamp::Timestamp;

impl SpecialType for Timestamp {
    const SPECIAL: Special = Special::Timestamp;
    type Exact = i64;

    fn serialize_exact<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.as_micros())
    }

    fn serialize_readable<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn from_exact(micros: i64) -> crate::Result<Self> {
        Self::from_micros(micros)
    }

    fn from_text<E: serde::de::Error>(text: &str) -> Result<Self, E> {
        text.parse().map_err(|error: crate::Error| E::custom(error.message()))
    }
}
special_type!(Timestamp);

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.time().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self::at)
    }
}

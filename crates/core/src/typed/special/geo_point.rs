//! Geo points: two doubles, or `{latitude, longitude}`.

use serde::de::{Error as _, IgnoredAny, MapAccess};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Special, SpecialType, special_type};
use crate::value::GeoPoint;

impl SpecialType for GeoPoint {
    const SPECIAL: Special = Special::GeoPoint;
    type Exact = (f64, f64);

    fn serialize_exact<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.latitude(), self.longitude()).serialize(serializer)
    }

    fn serialize_readable<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut point = serializer.serialize_struct("GeoPoint", 2)?;
        point.serialize_field("latitude", &self.latitude())?;
        point.serialize_field("longitude", &self.longitude())?;
        point.end()
    }

    fn from_exact((latitude, longitude): (f64, f64)) -> crate::Result<Self> {
        Self::new(latitude, longitude)
    }

    fn from_map<'de, A: MapAccess<'de>>(first: String, mut map: A) -> Result<Self, A::Error> {
        let (mut latitude, mut longitude) = (None, None);
        let mut key = Some(first);
        while let Some(name) = key {
            match name.as_str() {
                "latitude" => latitude = Some(map.next_value()?),
                "longitude" => longitude = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
            key = map.next_key()?;
        }
        let latitude = latitude.ok_or_else(|| A::Error::missing_field("latitude"))?;
        let longitude = longitude.ok_or_else(|| A::Error::missing_field("longitude"))?;
        Self::new(latitude, longitude).map_err(|error| A::Error::custom(error.message()))
    }
}
special_type!(GeoPoint);

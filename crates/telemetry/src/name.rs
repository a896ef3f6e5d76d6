//! Names: tenants, devices, readings, metrics. Checked once, on the way in.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use firekeep_core::Timestamp;

use crate::error::Invalid;

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 128;
/// The longest metric name, in bytes.
pub const MAX_METRIC_BYTES: usize = 64;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident, $field:literal, $check:path;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text`.
            ///
            /// # Errors
            /// [`Invalid`], naming the rule that is broken.
            pub fn new(text: impl AsRef<str>) -> Result<Self, Invalid> {
                let text = text.as_ref();
                $check(text).map_err(|rule| Invalid::new($field, rule))?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;
            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    )*};
}

names! {
    /// Whose devices: 1 to 128 ASCII letters, digits, `.`, `_`, `-`, `:`, the first and the last
    /// of them a letter or a digit.
    ///
    /// Narrower than what Firestore takes as an id, so that every id is fit for a URL, a log line
    /// and a file name as it is.
    TenantId, "tenant", check_id;
    /// Which device of a tenant. Spelled as a [`TenantId`].
    DeviceId, "device", check_id;
    /// Which reading of a device. Spelled as a [`TenantId`]; see [`ReadingId::derived`].
    ReadingId, "id", check_id;
    /// What is measured: 1 to 64 lower-case ASCII letters, digits and `_`, a letter first.
    Metric, "metric", check_metric;
}

impl ReadingId {
    /// The id that a source's reading always gets: 24 hexadecimal digits of the SHA-256 of tenant,
    /// device, instant and `source_key`.
    ///
    /// The same reading, sent again, gets the same id and so is stored once. Unlike an instant or
    /// a counter the ids do not rise, which would pile all writes of a busy device onto one server
    /// (<https://firebase.google.com/docs/firestore/best-practices>). `source_key` tells apart
    /// readings of one instant; it may be empty.
    pub fn derived(tenant: &TenantId, device: &DeviceId, at: Timestamp, source_key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [tenant.as_str(), device.as_str(), source_key] {
            // The length keeps `ab` + `c` apart from `a` + `bc`.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(at.as_micros().to_be_bytes());
        let hex: String = hash.finalize()[..12].iter().map(|b| format!("{b:02x}")).collect();
        Self(hex.into())
    }
}

fn check_id(text: &str) -> Result<(), String> {
    let outer = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_ID_BYTES {
        return Err(format!("must have 1 to {MAX_ID_BYTES} bytes; this has {}", bytes.len()));
    }
    if !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(b)) {
        return Err("must hold only ASCII letters, digits and `.` `_` `-` `:`".to_owned());
    }
    if !outer(bytes.first()) || !outer(bytes.last()) {
        return Err("must begin and end with a letter or a digit".to_owned());
    }
    Ok(())
}

fn check_metric(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > MAX_METRIC_BYTES {
        return Err(format!("must have 1 to {MAX_METRIC_BYTES} bytes; this has {}", bytes.len()));
    }
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_';
    if !bytes[0].is_ascii_lowercase() || !bytes.iter().all(inner) {
        return Err("must be lower-case ASCII letters, digits and `_`, a letter first".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fit_for_paths_and_urls() {
        for good in ["a", "room-1", "urn:dev:mac:0024befffe804ff1", &"x".repeat(128)] {
            assert!(DeviceId::new(good).is_ok(), "{good}");
        }
        let long = "x".repeat(129);
        for bad in ["", "a/b", "..", ".", "__id7__", "-a", "a b", "ä", "a\0", long.as_str()] {
            let error = DeviceId::new(bad).unwrap_err();
            assert_eq!(error.field, "device", "{bad:?}");
        }
    }

    #[test]
    fn metrics_are_lower_case_words() {
        for good in ["t", "co2", "humidity_ratio"] {
            assert!(Metric::new(good).is_ok(), "{good}");
        }
        for bad in ["", "CO2", "2x", "a.b", "a-b", "_a", &"m".repeat(65)] {
            assert!(Metric::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn derived_ids_repeat_and_tell_every_part_apart() {
        let id = |t: &str, d: &str, at: i64, key: &str| {
            let (t, d) = (TenantId::new(t).unwrap(), DeviceId::new(d).unwrap());
            ReadingId::derived(&t, &d, Timestamp::from_micros(at).unwrap(), key)
        };
        let all = [
            id("a", "b", 0, ""),
            id("ab", "b", 0, ""),
            id("a", "bb", 0, ""),
            id("a", "b", 1, ""),
            id("a", "b", 0, "k"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(id("a", "b", 0, ""), all[0]);
        assert_eq!(all[0].as_str().len(), 24);
    }
}

//! Who holds a lock: an id that nobody can guess.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::key::Hash;
use crate::{Error, Result};

/// The id of one acquisition: 16 random bytes as 22 characters of unpadded base64url.
///
/// Who knows it may extend and release the lock, so logs and answers carry its [`hash`](Self::hash).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockId(Arc<str>);

impl LockId {
    /// The characters in an id.
    pub const LEN: usize = 22;

    /// A new id from the operating system's random numbers.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) if the system has none.
    pub(crate) fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::internal(format!("the system has no random numbers: {error}"))
        })?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes).into()))
    }

    /// Reads an id.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) unless it is 22 characters of
    /// `A-Z a-z 0-9 - _`.
    pub fn parse(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        let is_valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.len() == Self::LEN && text.bytes().all(is_valid) {
            Ok(Self(text.into()))
        } else {
            Err(Error::invalid("lock id", "must be 22 characters of `A-Z a-z 0-9 - _`"))
        }
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands for the id where the id itself should not be seen.
    pub fn hash(&self) -> Hash {
        Hash::of("id", &self.0)
    }
}

impl fmt::Debug for LockId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LockId({})", self.hash())
    }
}

impl std::str::FromStr for LockId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_22_characters_and_differ() {
        let ids: HashSet<_> = (0..1000).map(|_| LockId::random().unwrap()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| LockId::parse(id.as_str()).unwrap() == *id));
    }

    #[test]
    fn malformed_ids_are_refused_and_not_repeated() {
        let good = "AAAAAAAAAAAAAAAAAAAAA_";
        assert!(LockId::parse(good).is_ok());
        for bad in [
            &good[..21],
            "AAAAAAAAAAAAAAAAAAAAAA_",
            "AAAAAAAAAAAAAAAAAAAAA+",
            "AAAAAAAAAAAAAAAAAAAAA/",
            "AAAAAAAAAAAAAAAAAAAAA=",
            " AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAA ",
            "АAAAAAAAAAAAAAAAAAAAA",
            "",
        ] {
            let error = LockId::parse(bad).unwrap_err().to_string();
            assert!(error.contains("lock id") && !error.contains("AAAA"), "{error}");
        }
        assert!(!format!("{:?}", LockId::parse(good).unwrap()).contains("AAAA"));
    }
}

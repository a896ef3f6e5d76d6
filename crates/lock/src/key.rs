//! What is locked: a key, and the ids that it has in the store and in logs.

use std::fmt;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::{Error, Result};

/// What is locked: 1 to 512 bytes of text in normalization form C.
///
/// Any text will do, `a/b/c`, `.` and `__x__` included: the store never sees it as an id.
#[derive(Clone)]
pub struct Key(Arc<Text>);

struct Text {
    text: Box<str>,
    /// Hashed once: everything that happens to a lock is told under it.
    hash: OnceLock<Hash>,
}

impl Key {
    /// The most bytes in a key, counted in normalization form C.
    pub const MAX_BYTES: usize = 512;

    /// The key `text`, brought into normalization form C: the composed and the decomposed spelling
    /// of a text lock the same thing.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) unless it has 1 to 512 bytes then.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        if is_nfc(text) { Self::checked(text.into()) } else { Self::checked(text.nfc().collect()) }
    }

    /// The key `text`, which must be in normalization form C already: for callers to whom two
    /// spellings of one text are a mistake somewhere.
    ///
    /// # Errors
    /// As [`Key::new`], and for text in another form.
    pub fn exact(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref();
        if !is_nfc(text) {
            return Err(Error::invalid("key", "must be in Unicode normalization form C"));
        }
        Self::checked(text.into())
    }

    fn checked(text: String) -> Result<Self> {
        match text.len() {
            0 => Err(Error::invalid("key", "must not be empty")),
            n if n > Self::MAX_BYTES => Err(Error::invalid(
                "key",
                format!("has {n} bytes in normalization form C, more than {}", Self::MAX_BYTES),
            )),
            _ => Ok(Self(Arc::new(Text { text: text.into(), hash: OnceLock::new() }))),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// What stands for the key where the key itself should not be seen.
    pub fn hash(&self) -> Hash {
        self.0.hash.get_or_init(|| Hash::of("key", self.as_str())).clone()
    }

    /// The id of the key's documents: 40 hexadecimal digits, spread evenly over the range of ids.
    pub(crate) fn doc_id(&self) -> String {
        hex(&Sha256::digest(self.as_str().as_bytes())[..20])
    }

    /// The id of the documents of one permit of a semaphore: the byte between key and number is in no
    /// text, so that it is nobody's key.
    pub(crate) fn permit_id(&self, number: u32) -> String {
        let permit = Sha256::new().chain_update(self.as_str()).chain_update([0xff]);
        hex(&permit.chain_update(number.to_be_bytes()).finalize()[..20])
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Key {}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.hash())
    }
}

impl TryFrom<&str> for Key {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<String> for Key {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<&String> for Key {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self> {
        Self::new(text)
    }
}

impl TryFrom<&Key> for Key {
    type Error = Error;

    fn try_from(key: &Key) -> Result<Self> {
        Ok(key.clone())
    }
}

/// 24 hexadecimal digits that stand for a key or a lock id in logs, metrics and answers: the first
/// 12 bytes of a SHA-256, so that neither can be read back from it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(Arc<str>);

impl Hash {
    /// The hash of `text`, in a domain of its own per `kind`.
    pub(crate) fn of(kind: &str, text: &str) -> Self {
        let digest = Sha256::new().chain_update(kind).chain_update([0]).chain_update(text);
        Self(hex(&digest.finalize()[..12]).into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_a_text_are_one_key() {
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
        assert_eq!(Key::new(composed).unwrap(), Key::new(decomposed).unwrap());
        assert!(Key::exact(composed).is_ok());
        let refused = Key::exact(decomposed).unwrap_err().to_string();
        assert!(refused.contains("normalization form C"), "{refused}");
    }

    #[test]
    fn bytes_are_counted_after_normalization_and_not_characters() {
        assert!(Key::new("k".repeat(512)).is_ok());
        assert!(Key::new("é".repeat(256)).is_ok());
        assert!(Key::new("e\u{301}".repeat(256)).is_ok(), "three bytes each before, two after");
        for (text, rule) in [
            (String::new(), "must not be empty"),
            ("k".repeat(513), "has 513 bytes"),
            ("é".repeat(257), "has 514 bytes"),
        ] {
            let error = Key::new(text).unwrap_err().to_string();
            assert!(error.contains(rule) && error.contains("key"), "{error}");
        }
    }

    #[test]
    fn hostile_keys_have_harmless_ids_that_do_not_clump() {
        let keys = ["a/b/c", ".", "..", "__x__", "\0", "//", "a\u{202e}b", "a", "b"];
        let ids: Vec<_> = keys.map(|key| Key::new(key).unwrap().doc_id()).into();
        assert!(ids.iter().all(|id| id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit())));
        let first: std::collections::BTreeSet<_> = (0..256)
            .map(|n| Key::new(format!("job-{n}")).unwrap().doc_id()[..1].to_owned())
            .collect();
        assert_eq!(first.len(), 16, "successive keys lie all over the range");
    }

    #[test]
    fn a_hash_has_24_digits_and_a_domain() {
        let key = Key::new("orders").unwrap();
        assert_eq!(key.hash().as_str().len(), 24);
        assert_eq!(key.hash(), Key::new("orders").unwrap().hash());
        assert_ne!(key.hash(), Hash::of("id", "orders"));
        assert!(!format!("{key:?}").contains("orders"));
    }
}

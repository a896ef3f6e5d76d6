//! Cursors: where in one query's order a page begins, as text that means nothing to its holder.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use firekeep_core::Timestamp;

use crate::error::CursorError;
use crate::name::ReadingId;

/// How many bytes of a query's digest a cursor carries. A cursor is no secret and no permission:
/// the digest tells mistakes, and 64 bits tell them well.
const BINDING_BYTES: usize = 8;
const FORMAT: u8 = 1;
const SUM_BYTES: usize = 4;

/// The digest of what a cursor belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Binding([u8; BINDING_BYTES]);

impl Binding {
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut binding = [0; BINDING_BYTES];
        binding.copy_from_slice(&hash.finalize()[..BINDING_BYTES]);
        Self(binding)
    }
}

/// A position between two readings of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) at: Timestamp,
    pub(crate) id: ReadingId,
    /// Whether the page runs against the window's order: it ends at the anchor.
    pub(crate) is_backward: bool,
    /// Whether the anchor's own reading is on the page.
    pub(crate) is_inclusive: bool,
}

impl Anchor {
    pub(crate) fn to_text(&self, binding: Binding) -> String {
        let flags = u8::from(self.is_backward) | u8::from(self.is_inclusive) << 1;
        let mut bytes = vec![FORMAT, flags];
        bytes.extend(binding.0);
        bytes.extend(self.at.as_micros().to_be_bytes());
        bytes.extend(self.id.as_str().as_bytes());
        seal(bytes)
    }

    pub(crate) fn from_text(text: &str, binding: Binding) -> Result<Self, CursorError> {
        let bytes = open(text)?;
        let [FORMAT, flags @ 0..=3, rest @ ..] = bytes.as_slice() else {
            return Err(CursorError::Malformed);
        };
        let (bound, rest) = split::<BINDING_BYTES>(rest)?;
        if bound != binding.0 {
            return Err(CursorError::OtherQuery);
        }
        let (micros, id) = split::<8>(rest)?;
        let at = Timestamp::from_micros(i64::from_be_bytes(micros));
        let id = std::str::from_utf8(id).map_err(|_| CursorError::Malformed)?;
        Ok(Self {
            at: at.map_err(|_| CursorError::Malformed)?,
            id: ReadingId::new(id).map_err(|_| CursorError::Malformed)?,
            is_backward: flags & 1 == 1,
            is_inclusive: flags & 2 == 2,
        })
    }
}

/// Where in a device's live feed a reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LiveAnchor {
    /// When the device's document was made; a later one starts anew.
    pub(crate) created: Timestamp,
    pub(crate) revision: i64,
    pub(crate) position: Vec<u8>,
}

impl LiveAnchor {
    pub(crate) fn to_text(&self, binding: Binding) -> String {
        let mut bytes = vec![FORMAT];
        bytes.extend(binding.0);
        bytes.extend(self.created.as_micros().to_be_bytes());
        bytes.extend(self.revision.to_be_bytes());
        bytes.extend(&self.position);
        seal(bytes)
    }

    pub(crate) fn from_text(text: &str, binding: Binding) -> Result<Self, CursorError> {
        let bytes = open(text)?;
        let [FORMAT, rest @ ..] = bytes.as_slice() else { return Err(CursorError::Malformed) };
        let (bound, rest) = split::<BINDING_BYTES>(rest)?;
        if bound != binding.0 {
            return Err(CursorError::OtherQuery);
        }
        let (created, rest) = split::<8>(rest)?;
        let (revision, position) = split::<8>(rest)?;
        let created = Timestamp::from_micros(i64::from_be_bytes(created));
        Ok(Self {
            created: created.map_err(|_| CursorError::Malformed)?,
            revision: i64::from_be_bytes(revision),
            position: position.to_vec(),
        })
    }
}

/// The bytes as text, with a check sum: a cursor that was cut off on its way must not pass for one
/// of another place.
fn seal(mut bytes: Vec<u8>) -> String {
    let sum = Sha256::digest(&bytes);
    bytes.extend(&sum[..SUM_BYTES]);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(text: &str) -> Result<Vec<u8>, CursorError> {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError::Malformed)?;
    let length = bytes.len().checked_sub(SUM_BYTES).ok_or(CursorError::Malformed)?;
    let sum = bytes.split_off(length);
    if Sha256::digest(&bytes)[..SUM_BYTES] == sum[..] {
        return Ok(bytes);
    }
    Err(CursorError::Malformed)
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), CursorError> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(CursorError::Malformed)?;
    Ok((*head, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor() -> Anchor {
        let id = ReadingId::new("abc").unwrap();
        Anchor { at: Timestamp::UNIX_EPOCH, id, is_backward: true, is_inclusive: false }
    }

    #[test]
    fn round_trips_and_knows_its_query() {
        let (one, other) = (Binding::new(&[b"a", b"bc"]), Binding::new(&[b"ab", b"c"]));
        let text = anchor().to_text(one);
        assert_eq!(Anchor::from_text(&text, one), Ok(anchor()));
        assert_eq!(Anchor::from_text(&text, other), Err(CursorError::OtherQuery));
    }

    #[test]
    fn any_cut_or_foreign_text_is_malformed() {
        let binding = Binding::new(&[b"a"]);
        let text = anchor().to_text(binding);
        for length in 0..text.len() {
            let error = Anchor::from_text(&text[..length], binding).unwrap_err();
            assert_eq!(error, CursorError::Malformed, "{length}");
        }
        for text in ["!!", "AA", "////", &"A".repeat(500)] {
            assert_eq!(Anchor::from_text(text, binding), Err(CursorError::Malformed));
        }
    }
}

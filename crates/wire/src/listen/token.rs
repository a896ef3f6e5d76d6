//! Resume tokens: a store's position, and which target it is of.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use firekeep_core::{Error, Position, Result, Timestamp, WatchFrom};

use crate::decode;
use crate::proto::target::{DocumentsTarget, ResumeType, TargetType};

/// What tells a target's tokens from all others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TargetKey(u64);

impl TargetKey {
    /// The key of `target` in `database`. Documents are one target in whatever order they are named.
    pub(super) fn new(database: &str, target: &TargetType) -> Self {
        let mut target = target.clone();
        if let TargetType::Documents(DocumentsTarget { documents }) = &mut target {
            documents.sort_unstable();
            documents.dedup();
        }
        let mut bytes = database.as_bytes().to_vec();
        target.encode(&mut bytes);
        Self(fnv1a(&bytes))
    }

    /// The token that resumes this target at `position`, which was reached at `at`.
    pub(super) fn token(self, position: &Position, at: Timestamp) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEADER + position.as_bytes().len());
        bytes.put_u8(FORMAT);
        bytes.put_u64(self.0);
        bytes.put_i64(at.as_micros());
        bytes.put_slice(position.as_bytes());
        bytes.freeze()
    }

    fn resume(self, mut token: Bytes) -> Result<Resume> {
        if token.len() < HEADER || token.get_u8() != FORMAT {
            return Err(Error::invalid("the resume token is invalid"));
        }
        if token.get_u64() != self.0 {
            return Err(Error::invalid("the resume token belongs to another target"));
        }
        let since = Timestamp::from_micros(token.get_i64())?;
        Ok(Resume { from: WatchFrom::After(Position::new(token)), since: Some(since) })
    }
}

/// Where a target begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resume {
    /// In the store's terms.
    pub(super) from: WatchFrom,
    /// As of when the client's state is true, if it has one.
    pub(super) since: Option<Timestamp>,
}

/// Where a target is to be resumed: every token that a client brings is judged here.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) for what is no token of this
/// target, or for a time out of range. Whether the position is still known, the store says.
pub(super) fn judge(key: TargetKey, resume: Option<ResumeType>) -> Result<Resume> {
    match resume {
        Some(ResumeType::ResumeToken(token)) if !token.is_empty() => key.resume(token),
        Some(ResumeType::ReadTime(time)) => {
            let since = decode::timestamp(time)?;
            Ok(Resume { from: WatchFrom::Since(since), since: Some(since) })
        }
        Some(ResumeType::ResumeToken(_)) | None => {
            Ok(Resume { from: WatchFrom::Start, since: None })
        }
    }
}

/// The 64-bit FNV-1a hash: the same in every process and build, as tokens outlive both.
fn fnv1a(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

/// The version of a token's bytes.
const FORMAT: u8 = 1;
const HEADER: usize = 1 + 8 + 8;

#[cfg(test)]
mod tests {
    use firekeep_core::ErrorKind;

    use super::*;

    fn key(documents: &[&str]) -> TargetKey {
        let documents = documents.iter().map(|&name| name.to_owned()).collect();
        TargetKey::new("d", &TargetType::Documents(DocumentsTarget { documents }))
    }

    fn resume(key: TargetKey, token: impl Into<Bytes>) -> Result<Resume> {
        judge(key, Some(ResumeType::ResumeToken(token.into())))
    }

    #[test]
    fn a_token_reads_back_as_it_was_made() {
        let (position, at) = (Position::new(&b"place"[..]), Timestamp::from_micros(1_500).unwrap());
        let token = key(&["a", "b"]).token(&position, at);
        let read = resume(key(&["b", "a", "b"]), token).unwrap();
        assert_eq!(read, Resume { from: WatchFrom::After(position), since: Some(at) });
    }

    #[test]
    fn no_token_is_a_start() {
        let start = Resume { from: WatchFrom::Start, since: None };
        assert_eq!(judge(key(&["a"]), None).unwrap(), start);
        assert_eq!(resume(key(&["a"]), Bytes::new()).unwrap(), start);
    }

    #[test]
    fn any_damage_but_to_the_position_is_refused_and_never_a_panic() {
        let token = key(&["a"]).token(&Position::new(&b"place"[..]), Timestamp::MIN);
        for length in 1..HEADER {
            let error = resume(key(&["a"]), token.slice(..length)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        }
        for byte in 0..HEADER {
            let mut damaged = token.to_vec();
            damaged[byte] ^= 0x80;
            let read = resume(key(&["a"]), damaged);
            // A time can be any that is in range.
            assert!(byte > HEADER - 8 || read.is_err(), "byte {byte}");
        }
    }
}

//! What a watch's position says, and its bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use firekeep_core::{Error, ErrorKind, Position, Result, Timestamp};

/// Where in time a watch of one target is: up to when the receiver's state is true, how many
/// documents it then held, and the server's token for that time.
///
/// As bytes: the format's version, the target's hash, the read time in microseconds, the number of
/// documents, then the token to the end; numbers big-endian.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The server's token; empty if it gave none, and the read time then serves to resume.
    pub(crate) token: Bytes,
    /// The time of the snapshot.
    pub(crate) read_time: Timestamp,
    /// How many documents the target held; `None` if that is not known.
    pub(crate) count: Option<u32>,
}

impl Mark {
    /// The state at `time`, of which nothing else is known.
    pub(crate) fn at(time: Timestamp) -> Self {
        Self { token: Bytes::new(), read_time: time, count: None }
    }

    /// The position of this mark for the target with this hash.
    pub(crate) fn position(&self, target: u64) -> Position {
        let mut bytes = BytesMut::with_capacity(HEADER + self.token.len());
        bytes.put_u8(FORMAT);
        bytes.put_u64(target);
        bytes.put_i64(self.read_time.as_micros());
        bytes.put_u32(self.count.unwrap_or(UNKNOWN_COUNT));
        bytes.put_slice(&self.token);
        Position::new(bytes.freeze())
    }

    /// Reads a position back.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) if the bytes are none of a position,
    /// [`PositionExpired`](ErrorKind::PositionExpired) if they are those of another target's.
    pub(crate) fn of(position: &Position, target: u64) -> Result<Self> {
        let mut bytes = position.as_bytes().clone();
        if bytes.len() < HEADER || bytes.get_u8() != FORMAT {
            return Err(Error::invalid("this is no watch position of this backend"));
        }
        if bytes.get_u64() != target {
            let why = "the watch position belongs to another target";
            return Err(Error::new(ErrorKind::PositionExpired, why));
        }
        let read_time = Timestamp::from_micros(bytes.get_i64())
            .map_err(|error| Error::invalid("the watch position is damaged").with_source(error))?;
        let count = Some(bytes.get_u32()).filter(|count| *count != UNKNOWN_COUNT);
        Ok(Self { token: bytes, read_time, count })
    }
}

/// The version of the byte format.
const FORMAT: u8 = 1;
const UNKNOWN_COUNT: u32 = u32::MAX;
const HEADER: usize = 1 + 8 + 8 + 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let read_time = Timestamp::from_micros(1_422_886_740_000_001).unwrap();
        Mark { token: Bytes::from_static(b"token"), read_time, count: Some(3) }
    }

    #[test]
    fn a_position_reads_back_as_it_was_made() {
        let unknown = Mark { count: None, token: Bytes::new(), ..mark() };
        for mark in [mark(), unknown] {
            assert_eq!(Mark::of(&mark.position(7), 7).unwrap(), mark);
        }
    }

    /// Positions outlive the process: a new build must read an old one's.
    #[test]
    fn the_bytes_of_a_position_are_fixed() {
        let bytes = mark().position(0x0102_0304_0506_0708);
        let expected = [
            [1, 1, 2, 3, 4, 5, 6, 7, 8].as_slice(),
            &1_422_886_740_000_001_i64.to_be_bytes(),
            &[0, 0, 0, 3],
            b"token",
        ];
        assert_eq!(bytes.as_bytes()[..], expected.concat());
    }

    #[test]
    fn a_position_of_another_target_is_refused() {
        let error = Mark::of(&mark().position(7), 8).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PositionExpired);
        assert!(error.message().contains("another target"), "{error}");
    }

    #[test]
    fn any_damage_is_an_error_and_never_a_panic() {
        let whole = mark().position(7).as_bytes().to_vec();
        for length in 0..HEADER {
            let cut = Position::new(whole[..length].to_vec());
            assert_eq!(Mark::of(&cut, 7).unwrap_err().kind(), ErrorKind::InvalidArgument);
        }
        let mut alien = whole.clone();
        alien[0] = 9;
        assert!(Mark::of(&Position::new(alien), 7).is_err());
        let mut late = whole;
        late[9] = 0x7f;
        let error = Mark::of(&Position::new(late), 7).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    }
}

//! gRPC's frames: a flag, a length, a message.

use bytes::{BufMut, Bytes, BytesMut};

/// A message in its frame.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    frame(0, u32::try_from(message.len()).unwrap(), message)
}

/// A frame that says what it likes of what follows.
pub(crate) fn frame(flag: u8, length: u32, message: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(5 + message.len());
    bytes.put_u8(flag);
    bytes.put_u32(length);
    bytes.put_slice(message);
    bytes.freeze()
}

//! How much of long requests a server takes in at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use super::MAX_REQUEST;

/// Room for the requests, and the messages of streams, that come in several pieces, on whatever
/// connection. Who finds none is refused at once: to leave a request unread would fill the window of its
/// connection, and so stop those that have their room and wait for the rest of their bytes.
#[derive(Clone, Debug)]
pub(crate) struct Room(Arc<Semaphore>);

/// What a request takes up until it is answered, and a message of a stream until the next one is asked
/// for; given back when dropped.
pub(super) type Taken = OwnedSemaphorePermit;

impl Room {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ALL / GRAIN)))
    }

    /// Room for `bytes`.
    ///
    /// # Errors
    /// `ResourceExhausted` while others have it, for clients to try again.
    pub(super) fn take(&self, bytes: usize) -> Result<Taken, Status> {
        let grains = u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX);
        Arc::clone(&self.0).try_acquire_many_owned(grains).map_err(|_| {
            Status::resource_exhausted(format!(
                "there is no room for a request of {bytes} bytes beside those under way: at most {} \
                 MiB are taken in at once; try again",
                ALL >> 20
            ))
        })
    }
}

/// Two dozen requests of the greatest length.
const ALL: usize = 24 * (MAX_REQUEST + GRAIN);

/// In which steps room is counted.
const GRAIN: usize = 1 << 10;

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn room_is_given_back() {
        let room = Room::new();
        let most = room.take(ALL - 1).unwrap();
        let refused = room.take(1).unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("of 1 bytes") && refused.message().contains("264 MiB"));
        drop(most);
        drop(room.take(1).unwrap());
        assert!(room.take(ALL + 1).is_err());
        assert!(room.take(ALL).is_ok());
    }
}

//! Times: whole microseconds here, nanoseconds there.

use firekeep_core::{Error, Result, Timestamp};

/// The time in a message, rounded down to the microsecond.
///
/// # Errors
/// [`Decode`](firekeep_core::ErrorKind::Decode) for a time outside the years 1 to 9999.
pub(crate) fn timestamp_from_proto(time: prost_types::Timestamp) -> Result<Timestamp> {
    Timestamp::from_parts(time.seconds, time.nanos)
        .map_err(|error| Error::decode("the server sent a time out of range").with_source(error))
}

/// The time as a message.
pub(crate) fn timestamp_to_proto(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.to_parts();
    prost_types::Timestamp { seconds, nanos }
}

//! Times: nanoseconds there, whole microseconds here.

use firekeep_core::{Result, Timestamp};

/// The time in a message, rounded down to the microsecond, as Firestore stores it.
///
/// # Errors
/// [`InvalidArgument`](firekeep_core::ErrorKind::InvalidArgument) outside the years 1 to 9999.
pub(crate) fn timestamp(time: prost_types::Timestamp) -> Result<Timestamp> {
    Timestamp::from_parts(time.seconds, time.nanos)
}

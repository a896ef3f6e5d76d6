//! Following documents: one stream per watch, reopened for as long as that can help.
//!
//! [`machine`] holds the protocol's rules and does no I/O, [`driver`] holds the stream and does
//! nothing else.

mod driver;
mod machine;
mod pace;
mod position;
mod silence;
mod target;
mod unsent;

use std::sync::Arc;

use firekeep_core::{Clock, Cx, Operation, Result, WatchEvent, WatchRequest};
use futures::StreamExt;
use futures::stream::BoxStream;

use self::driver::Driver;
use crate::channel::Connection;

/// The events of a watch, as [`WatchEvent`] promises them.
///
/// Nothing is sent before the first poll, and no task is spawned: what the reader does not ask for
/// waits at the server and in HTTP/2's window.
pub(crate) fn watch(
    connection: Connection,
    clock: Arc<dyn Clock>,
    cx: &Cx,
    request: WatchRequest,
) -> BoxStream<'static, Result<WatchEvent>> {
    match Driver::new(connection, clock, cx.clone(), request) {
        Ok(driver) => driver.into_stream(),
        Err(error) => {
            let error = error.in_operation(Operation::Watch);
            futures::stream::once(std::future::ready(Err(error))).boxed()
        }
    }
}

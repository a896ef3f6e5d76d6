//! Faults of streams: when they are opened, and while they run.

use std::future::ready;
use std::sync::Arc;

use firekeep_core::{Cx, ErrorKind, Operation, Result};
use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};

use super::injector::{Injection, Injector};
use super::rates::{self, Fault};

/// A stream whose opening may fail, be lost or be delayed like any call.
pub(super) fn opened<T: Send + 'static>(
    injector: &Arc<Injector>,
    cx: &Cx,
    operation: Operation,
    open: impl FnOnce() -> BoxStream<'static, Result<T>> + Send + 'static,
) -> BoxStream<'static, Result<T>> {
    let entered = injector.enter(operation);
    if entered.injection.is_none() && !entered.late_is_due {
        return open();
    }
    let (injector, cx) = (Arc::clone(injector), cx.clone());
    let broken = async move {
        if entered.late_is_due {
            injector.deliver_due().await;
        }
        match entered.injection {
            None => open(),
            Some(injection) => break_opening(&injector, &cx, operation, injection, open).await,
        }
    };
    broken.flatten_stream().boxed()
}

async fn break_opening<T: Send + 'static>(
    injector: &Injector,
    cx: &Cx,
    operation: Operation,
    Injection { fault, lost }: Injection,
    open: impl FnOnce() -> BoxStream<'static, Result<T>>,
) -> BoxStream<'static, Result<T>> {
    let failed = |error| stream::iter([Err(error)]).boxed();
    match fault {
        Fault::Fail(kind) => failed(rates::failed(operation, kind)),
        Fault::LoseRequest => failed(rates::lost(operation, lost)),
        Fault::LoseReply => {
            // The backend does its part up to the first event, which is lost.
            if operation == Operation::Query {
                drop(open().next().await);
            }
            failed(rates::lost(operation, lost))
        }
        Fault::Delay(delay) => match injector.wait(cx, operation, delay).await {
            Ok(()) => open(),
            Err(error) => failed(error),
        },
        Fault::DelayReply(delay) => {
            let mut events = open();
            let first = events.next().await;
            match injector.wait(cx, operation, delay).await {
                Ok(()) => stream::iter(first).chain(events).boxed(),
                Err(error) => failed(error),
            }
        }
        _ => open(),
    }
}

/// A stream that may also be cut off at any event.
pub(super) fn cuttable<T: Send + 'static>(
    injector: &Arc<Injector>,
    cx: &Cx,
    operation: Operation,
    open: impl FnOnce() -> BoxStream<'static, Result<T>> + Send + 'static,
) -> BoxStream<'static, Result<T>> {
    let dice = Arc::clone(injector);
    let events = opened(injector, cx, operation, open);
    let cut = events.scan(false, move |is_cut, event| {
        if *is_cut {
            return ready(None);
        }
        let event = event.and_then(|event| match dice.event(operation) {
            Some(_) => Err(rates::lost(operation, ErrorKind::Unavailable)),
            None => Ok(event),
        });
        *is_cut = event.is_err();
        ready(Some(event))
    });
    cut.boxed()
}

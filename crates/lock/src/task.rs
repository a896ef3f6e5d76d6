//! Work that outlives the call that began it: the one place that spawns.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span};

/// Where background work runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    runtime: Option<Handle>,
    running: TaskTracker,
}

impl Tasks {
    /// The runtime of the calling task, if there is one.
    pub(crate) fn current() -> Self {
        Self { runtime: Handle::try_current().ok(), running: TaskTracker::new() }
    }

    /// Runs `work` to its end, whatever becomes of the caller: on the runtime of the calling task,
    /// else on the one where the locks were made, else on a thread of its own.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let work = self.running.track_future(work);
        match Handle::try_current().ok().or_else(|| self.runtime.clone()) {
            Some(runtime) => drop(runtime.spawn(work)),
            None => {
                let thread = std::thread::Builder::new().name("firekeep-lock".into());
                if let Err(error) = thread.spawn(move || futures::executor::block_on(work)) {
                    tracing::warn!(%error, "no thread for a lock's background work; leases end by themselves");
                }
            }
        }
    }

    /// Completes once nothing of that runs.
    pub(crate) async fn settled(&self) {
        self.running.close();
        self.running.wait().await;
    }

    /// `work`, which comes to its end even if the caller goes away meanwhile: from then on it is a task of
    /// its own, and `unclaimed` gets its answer. As long as the caller is there, it costs no task.
    pub(crate) fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        unclaimed: impl FnOnce(T) + Send + 'static,
    ) -> impl Future<Output = T> {
        let unclaimed = Some(Box::new(unclaimed) as Unclaimed<T>);
        Finish { tasks: self, work: Some(work.boxed()), unclaimed, span: Span::current() }
    }
}

/// What takes an answer that nobody awaits any more.
type Unclaimed<T> = Box<dyn FnOnce(T) + Send>;

struct Finish<'a, T: Send + 'static> {
    tasks: &'a Tasks,
    /// Not there once it has ended, or panicked.
    work: Option<BoxFuture<'static, T>>,
    unclaimed: Option<Unclaimed<T>>,
    span: Span,
}

impl<T: Send + 'static> Future for Finish<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(mut work) = self.work.take() else { return Poll::Pending };
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Finish<'_, T> {
    fn drop(&mut self) {
        if let Some((work, unclaimed)) = self.work.take().zip(self.unclaimed.take()) {
            let rest = async move { unclaimed(work.await) };
            self.tasks.spawn(rest.instrument(self.span.clone()));
        }
    }
}

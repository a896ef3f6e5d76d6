//! Work that outlives the call that began it: the one place that spawns.

use std::future::Future;
use std::task::Poll;

use futures::channel::oneshot;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

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

    /// Runs `work` to its end even if the caller goes away meanwhile, and answers what it came to.
    /// `unclaimed` gets the answer if nobody is there to take it; `None` is a runtime that ended.
    ///
    /// The first step is taken at once: work that need not wait, as on memory, needs no task.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
        unclaimed: impl FnOnce(T) + Send + 'static,
    ) -> Option<T> {
        let mut work = Box::pin(work.in_current_span());
        if let Poll::Ready(answer) = futures::poll!(&mut work) {
            return Some(answer);
        }
        let (tell, told) = oneshot::channel();
        self.spawn(async move {
            if let Err(answer) = tell.send(work.await) {
                unclaimed(answer);
            }
        });
        told.await.ok()
    }
}

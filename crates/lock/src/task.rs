//! Work that outlives the call that began it: the one place that spawns.

use std::future::Future;
use std::task::Poll;

use futures::channel::oneshot;
use tokio::runtime::Handle;

/// Where background work runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks(Option<Handle>);

impl Tasks {
    /// The runtime of the calling task, if there is one.
    pub(crate) fn current() -> Self {
        Self(Handle::try_current().ok())
    }

    /// Runs `work` to its end, whatever becomes of the caller: on the runtime of the calling task,
    /// else on the one where the locks were made, else on a thread of its own.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        match Handle::try_current().ok().or_else(|| self.0.clone()) {
            Some(runtime) => drop(runtime.spawn(work)),
            None => {
                let thread = std::thread::Builder::new().name("firekeep-lock".into());
                if let Err(error) = thread.spawn(move || futures::executor::block_on(work)) {
                    tracing::warn!(%error, "no thread for a lock's background work; leases end by themselves");
                }
            }
        }
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
        let mut work = Box::pin(work);
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

//! Threads that serve connections and do nothing else.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Threads with a runtime each. Whatever a connection does, it does on one of them: Tokio's shared
/// workers wake one another for each call that comes in, which costs more than a short call does.
/// They end, and what they do is dropped, when this is.
#[derive(Debug)]
pub(crate) struct Threads(Vec<Thread>);

#[derive(Debug)]
struct Thread {
    runtime: Handle,
    /// As many clones as it has connections.
    connections: Arc<()>,
    /// Ends the thread when dropped.
    _running: oneshot::Sender<()>,
}

impl Threads {
    /// Starts so many.
    ///
    /// # Errors
    /// What the system says that has no room for them.
    pub(crate) fn start(count: NonZeroUsize) -> io::Result<Self> {
        (0..count.get()).map(Thread::start).collect::<io::Result<_>>().map(Self)
    }

    /// Serves a connection on the thread that has the fewest, as one of `tasks`.
    pub(crate) fn serve<F>(
        &self,
        tasks: &mut JoinSet<()>,
        socket: TcpStream,
        connection: impl FnOnce(TcpStream) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let busy = |thread: &&Thread| Arc::strong_count(&thread.connections);
        let Some(thread) = self.0.iter().min_by_key(busy) else { return };
        let counted = Arc::clone(&thread.connections);
        let socket = socket.into_std();
        let served = async move {
            let _counted = counted;
            // A socket belongs to the runtime that waits for it.
            match socket.and_then(TcpStream::from_std) {
                Ok(socket) => connection(socket).await,
                Err(error) => tracing::error!(%error, "a connection can't be served"),
            }
        };
        tasks.spawn_on(served, &thread.runtime);
    }
}

impl Thread {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, stopped) = oneshot::channel::<()>();
        thread::Builder::new().name(format!("connections-{number}")).spawn(move || {
            // Nothing is ever sent: the sender is dropped.
            let _ = runtime.block_on(stopped);
        })?;
        Ok(Self { runtime: handle, connections: Arc::new(()), _running: running })
    }
}

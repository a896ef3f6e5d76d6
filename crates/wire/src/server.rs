//! Connections: both kinds of HTTP on one port, taken until told to stop.

use std::future::Future;
use std::io;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use firekeep_core::{Clock, SystemClock};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};

use crate::activity::Activity;
use crate::connection::connection;
use crate::databases::Databases;
use crate::faults::Faults;
use crate::http::SideDoors;
use crate::page;
use crate::service::Service;
use crate::threads::Threads;

/// A server that has not started yet.
#[derive(Debug)]
#[must_use = "a server does nothing until it serves"]
pub struct Server {
    databases: Arc<dyn Databases>,
    clock: Arc<dyn Clock>,
    routes: axum::Router,
    any_host: bool,
    faults: Option<Faults>,
    has_page: bool,
    threads: Option<Threads>,
}

impl Server {
    /// A server of `databases`.
    pub fn new(databases: impl Databases) -> Self {
        Self {
            databases: Arc::new(databases),
            clock: Arc::new(SystemClock),
            routes: axum::Router::new(),
            any_host: false,
            faults: None,
            has_page: false,
            threads: None,
        }
    }

    /// Measures deadlines on `clock`; [`SystemClock`] by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Answers with `routes`, too, what is asked for in plain HTTP. They see no request that another
    /// site's page made; a page of their own is welcome.
    ///
    /// # Panics
    /// If they answer `GET /` or anything below `/emulator/`, which the server does.
    pub fn routes(mut self, routes: axum::Router) -> Self {
        self.routes = self.routes.merge(routes);
        self
    }

    /// Answers plain HTTP whatever it calls this host. By default only names of this machine are
    /// heeded: a page of a site that points its own name here could otherwise do as it pleases.
    pub fn any_host(mut self) -> Self {
        self.any_host = true;
        self
    }

    /// Lets go wrong what `faults` say, and answers what is asked about them in plain HTTP. Delays and
    /// limits go by the server's clock.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.routes = self.routes.merge(faults.routes());
        self.faults = Some(faults);
        self
    }

    /// Shows at `/ui`, to whoever opens it in a browser, what is in the databases and what is asked
    /// of them, and lets him change documents. Calls are counted then, and described while a page is
    /// open.
    ///
    /// # Panics
    /// When it serves, if [`routes`](Self::routes) answer anything below `/ui`.
    pub fn page(mut self) -> Self {
        self.has_page = true;
        self
    }

    /// Serves connections on `count` threads of its own, each on the one that has the fewest, rather
    /// than on the caller's runtime. It answers faster: what a call needs happens on one thread. On
    /// the other side, a call that computes for long holds up the other connections of its thread.
    ///
    /// # Errors
    /// What the operating system says that can't start them.
    pub fn threads(mut self, count: NonZeroUsize) -> io::Result<Self> {
        self.threads = Some(Threads::start(count)?);
        Ok(self)
    }

    fn service(self) -> Service {
        let Self { databases, clock, mut routes, any_host, faults, has_page, .. } = self;
        let activity = has_page.then(|| Arc::new(Activity::new(Arc::clone(&clock))));
        if let Some(activity) = &activity {
            routes = routes.merge(page::routes(Arc::clone(&databases), Arc::clone(activity)));
        }
        let doors = SideDoors::new(Arc::clone(&databases), routes, any_host);
        let faults = faults.unwrap_or_else(|| Faults::new(0));
        Service::new(databases, clock, doors, faults, activity)
    }

    /// Serves whoever connects to `listener` until `stop` completes, then lets calls under way end,
    /// within 10 seconds, and streams of changes break off. A connection that can't be taken, for
    /// want of file descriptors say, waits until it can.
    ///
    /// # Panics
    /// Outside of a runtime of Tokio with its timers and sockets.
    ///
    /// # Cancellation
    /// Dropping the future stops the server at once; connections under way are cut, those on
    /// [threads](Self::threads) of its own a moment later.
    pub async fn serve(mut self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let clock = Arc::clone(&self.clock);
        let threads = self.threads.take();
        let service = Arc::new(self.service());
        let connections = GracefulShutdown::new();
        let mut tasks = tokio::task::JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                socket = accept(&listener, &*clock) => {
                    let (service, watcher) = (Arc::clone(&service), connections.watcher());
                    let serve = |socket| connection(service, socket, watcher);
                    match &threads {
                        Some(threads) => threads.serve(&mut tasks, socket, serve),
                        None => drop(tasks.spawn(serve(socket))),
                    }
                }
                Some(_) = tasks.join_next() => {}
                () = &mut stop => break,
            }
        }
        drop(listener);
        service.stop();
        let ended = async {
            connections.shutdown().await;
            while tasks.join_next().await.is_some() {}
        };
        // Whoever has not sent the whole of a call may never do so.
        futures::future::select(pin!(ended), clock.sleep(PATIENCE)).await;
    }
}

/// The next connection.
async fn accept(listener: &TcpListener, clock: &dyn Clock) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => return socket,
            // The client thought better of it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(%error, "a connection can't be taken");
                clock.sleep(RECOVERY).await;
            }
        }
    }
}

/// How long a server that stops waits for calls under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a server waits for a machine that has no room for another connection.
const RECOVERY: Duration = Duration::from_millis(100);

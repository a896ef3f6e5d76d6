//! Binding and serving.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::app::App;

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address is not a loopback address.
    #[error(
        "`{0}` is not a loopback address: there is no sign-in yet, so the service is offered to \
         this machine only; use 127.0.0.1 or [::1], and a tunnel to reach it from elsewhere"
    )]
    NotLoopback(SocketAddr),
    /// The address can't be bound.
    #[error("can't listen on `{address}`: {source}")]
    Bind {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The listener failed.
    #[error("the listener failed: {0}")]
    Listener(#[from] io::Error),
}

/// Listens on a loopback address; port 0 picks a free port.
///
/// # Errors
/// [`ServeError::NotLoopback`] for any other address, as long as there is no sign-in;
/// [`ServeError::Bind`] if the address is taken.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    check_loopback(address)?;
    TcpListener::bind(address).await.map_err(|source| ServeError::Bind { address, source })
}

/// Serves `app` on `listener` until `shutdown` completes, then ends the live streams, finishes
/// the requests under way and returns.
///
/// # Errors
/// [`ServeError::NotLoopback`] for a listener on another address; a failure of the listener.
///
/// # Cancellation
/// Dropping the future cuts all connections and ends every watch.
pub async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    check_loopback(address)?;
    tracing::info!(%address, "serving");
    let router = app.router();
    let closing = app.clone();
    let result = axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            shutdown.await;
            tracing::info!("shutting down");
            closing.close();
        })
        .await;
    app.close();
    Ok(result?)
}

fn check_loopback(address: SocketAddr) -> Result<(), ServeError> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    Err(ServeError::NotLoopback(address))
}

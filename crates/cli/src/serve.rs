//! `firekeep serve`.

use std::fmt;
use std::net::SocketAddr;

use firekeep::Db;
use firekeep_server::{App, ServeError, ServerOptions};
use firekeep_telemetry::TenantId;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::address::{StoreArgs, parse_listen};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;

/// Serve readings over HTTP, live, with a page that plots them.
///
/// There is no sign-in yet, so only this machine is served: addresses other than loopback are
/// refused. Ctrl-C or SIGTERM ends it after the requests under way.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep serve
  firekeep serve --listen 127.0.0.1:0 --json
  firekeep serve --store firestore://my-project
  FIRESTORE_EMULATOR_HOST=127.0.0.1:8787 firekeep serve --store firestore://demo")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    listen: ListenArgs,
}

/// Where to listen, and whom to show.
#[derive(Debug, clap::Args)]
pub(crate) struct ListenArgs {
    /// The loopback address to listen on; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    listen: SocketAddr,

    /// Whose devices the page shows.
    #[arg(long, value_name = "TENANT", default_value = "demo")]
    pub(crate) tenant: TenantId,
}

/// The address, said once requests are answered.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    pub(crate) url: String,
    pub(crate) store: String,
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "serving {} at {}", self.store, self.url)
    }
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let listener = args.listen.bind().await?;
    let (app, store) = args.listen.app(&args.store)?;
    output::say(&Ready { url: url(&listener)?, store }, json);
    serve(listener, app, async move { interrupt.wait().await }).await
}

impl ListenArgs {
    pub(crate) async fn bind(&self) -> Result<TcpListener, Failure> {
        firekeep_server::bind(self.listen).await.map_err(failure)
    }

    /// The service over the store, and the store's name.
    pub(crate) fn app(&self, store: &StoreArgs) -> Result<(App, String), Failure> {
        let standard = store.open()?;
        let info = standard.store.info();
        let mut options = ServerOptions::default();
        options.tenant = Some(self.tenant.clone());
        let name = format!("{} {}", info.backend, info.database);
        Ok((App::new(Db::from_arc(standard.store), standard.meter, options), name))
    }
}

pub(crate) async fn serve(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    firekeep_server::serve(listener, app, shutdown).await.map_err(failure)
}

pub(crate) fn url(listener: &TcpListener) -> Result<String, Failure> {
    let address = listener.local_addr().map_err(|error| Failure::Failed(error.into()))?;
    Ok(format!("http://{address}"))
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::NotLoopback(_) => Failure::Usage(error.to_string()),
        other => Failure::Failed(other.into()),
    }
}

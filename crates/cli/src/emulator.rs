//! `firekeep emulator`.

mod databases;
mod ready;
mod served;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use firekeep::memory::IndexFile;
use firekeep::memory::index_file::IndexRecorder;
use firekeep::wire::Server;
use firekeep::{Clock, ShiftedClock, SystemClock};
use futures::future::{Either, select};
use tokio::net::TcpListener;

use crate::address::{parse_listen, read_index_file};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use databases::{MemoryDatabases, Options};
use ready::Ready;
use served::{DatabaseArg, Served};

/// Be Cloud Firestore, in memory, for the official clients: an emulator.
///
/// Says its address on standard output once it answers; clients find it by
/// FIRESTORE_EMULATOR_HOST. Every project and database that is asked for is there. There is no
/// sign-in, so only this machine is served. Ctrl-C or SIGTERM ends it after the calls under way.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep emulator
  firekeep emulator --host-port 127.0.0.1:0 --json
  firekeep emulator --indexes firestore.indexes.json --strict
  firekeep emulator --database '(default)' --database projects/demo/databases/eu
  FIRESTORE_EMULATOR_HOST=127.0.0.1:8080 npm test")]
pub(crate) struct Args {
    /// The loopback address to listen on; port 0 picks a free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = parse_listen)]
    host_port: SocketAddr,

    /// Listen on an address that other machines reach, too. Whoever reaches it reads and writes
    /// everything: there is no sign-in and no encryption.
    #[arg(long)]
    allow_remote: bool,

    /// Serve this database and no other that is not named: `projects/PROJECT/databases/DATABASE`,
    /// or `DATABASE` for that of every project. Without it, every database is made on first use.
    #[arg(long, value_name = "NAME")]
    database: Vec<DatabaseArg>,

    /// The indexes, exemptions and TTL policies of the databases, in the Firebase CLI's format.
    #[arg(long, value_name = "FILE")]
    indexes: Option<PathBuf>,

    /// Refuse queries that production would refuse for want of a composite index.
    #[arg(long)]
    strict: bool,

    /// Repeats the choices of an earlier run; a random number unless given.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let databases = args.databases()?;
    let listener = args.bind().await?;
    let address = listener.local_addr().context("the listener has no address")?;
    let clock = databases.clock().clone();
    let server = Server::new(databases.clone()).clock(clock);
    let server = if args.allow_remote { server.any_host() } else { server };
    Ready::new(address, seed).say(json);
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = server.serve(listener, async move {
        let _ = stopped.await;
    });
    let twice = async {
        interrupt.wait().await;
        let _ = stop.send(());
        interrupt.wait().await;
    };
    let sweeping = sweep(&databases);
    let served = match select(pin!(serving), select(pin!(twice), pin!(sweeping))).await {
        Either::Left((served, _)) => served,
        // Whoever asks twice does not want to wait.
        Either::Right(_) => Ok(()),
    };
    served.context("the emulator can't take connections any more").map_err(Failure::Failed)
}

impl Args {
    fn databases(&self) -> Result<MemoryDatabases, Failure> {
        let indexes = match &self.indexes {
            Some(path) => read_index_file(path)?,
            None => IndexFile::empty(),
        };
        Ok(MemoryDatabases::new(Options {
            clock: ShiftedClock::over(Arc::new(SystemClock)),
            served: Served::new(self.database.clone()),
            recorder: IndexRecorder::with_overrides_of(&indexes),
            indexes,
            is_strict: self.strict,
        }))
    }

    async fn bind(&self) -> Result<TcpListener, Failure> {
        if !self.allow_remote && !self.host_port.ip().to_canonical().is_loopback() {
            return Err(Failure::Usage(format!(
                "`{}` is not a loopback address: there is no sign-in, so whoever reaches the \
                 emulator reads and writes everything; use 127.0.0.1 or [::1], or --allow-remote",
                self.host_port
            )));
        }
        let listener = TcpListener::bind(self.host_port).await;
        let why = || format!("can't listen on `{}`; port 0 picks a free one", self.host_port);
        listener.with_context(why).map_err(Failure::Failed)
    }
}

/// Deletes expired documents now and then, so that also those go that nobody asks for.
async fn sweep(databases: &MemoryDatabases) {
    loop {
        databases.clock().sleep(SWEEP_EVERY).await;
        databases.expire_documents();
    }
}

/// How long an expired document stays at most. Production promises a day.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

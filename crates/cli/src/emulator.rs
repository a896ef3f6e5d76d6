//! `firekeep emulator`.

mod databases;
mod doors;
mod keeping;
mod ready;
mod recording;
mod served;
mod snapshot;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::Context;
use firekeep::memory::IndexFile;
use firekeep::wire::{FaultPlan, Faults, Server};
use firekeep::{Clock, ShiftedClock, SystemClock};
use futures::future::select;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;

use crate::address::{parse_listen, read_index_file};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use databases::{MemoryDatabases, Options};
use doors::Rooms;
use keeping::Keeping;
use ready::Ready;
use recording::Recording;
use served::{DatabaseArg, Served};
use snapshot::Extent;

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
  firekeep emulator --import ./data --export ./data
  firekeep emulator --record-indexes firestore.indexes.json
  firekeep emulator --faults 'commit:unavailable=0.05,lose-reply=0.02; listen:cut=0.01'
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

    /// Write the indexes that the queries of this run needed, together with those of --indexes,
    /// for the Firebase CLI to deploy. Kept up to date, so that it is there however the run ends.
    #[arg(long, value_name = "FILE")]
    record_indexes: Option<PathBuf>,

    /// Start with the databases of this folder, which an --export filled. If it is also that of
    /// --export, it may still be empty.
    #[arg(long, value_name = "DIR")]
    import: Option<PathBuf>,

    /// At the end, write all databases into this folder, in place of the export that it has.
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,

    /// Repeats the choices of an earlier run; a random number unless given.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,

    /// Let calls go wrong at these rates, as drawn from --seed: faults by method or `*`, and limits.
    /// `PUT /firekeep/v1/faults` changes them while it runs.
    #[arg(long, value_name = "PLAN", conflicts_with = "faults_file")]
    faults: Option<FaultPlan>,

    /// As --faults, from a file: JSON, or TOML if its name ends so.
    #[arg(long, value_name = "FILE")]
    faults_file: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let faults = Faults::new(seed);
    faults.set(args.faults()?).map_err(|error| Failure::Usage(error.to_string()))?;
    let rooms = args.rooms()?;
    args.fill(&rooms.keeping)?;
    take_all_descriptors();
    let listener = args.bind().await?;
    let address = listener.local_addr().context("the listener has no address")?;
    Ready::new(address, seed, &faults).say(json);
    serve(listener, rooms.clone(), faults, &mut interrupt).await?;
    // Neither file goes missing because the other can't be written.
    let recorded = rooms.recording.save();
    if let Some(folder) = rooms.keeping.folder() {
        say_exported(folder, rooms.keeping.export(folder)?, json);
    }
    recorded.map_err(Failure::Failed)
}

/// Serves until the user wants to end, and cuts short how it ends if he says so twice.
async fn serve(
    listener: TcpListener,
    rooms: Rooms,
    faults: Faults,
    interrupt: &mut Interrupt,
) -> Result<(), Failure> {
    let databases = rooms.databases.clone();
    let server = Server::new(databases.clone()).clock(databases.clock().clone()).page();
    let processors = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let server = server.threads(processors).context("can't start the threads that serve")?;
    let server = server.faults(faults);
    let server = if rooms.is_remote { server.any_host() } else { server };
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = server.routes(doors::routes(rooms)).serve(listener, async move {
        let _ = stopped.await;
    });
    let twice = async {
        interrupt.wait().await;
        let _ = stop.send(());
        interrupt.wait().await;
    };
    select(pin!(serving), select(pin!(twice), pin!(sweep(&databases)))).await;
    Ok(())
}

/// Takes as many file descriptors as this process may have: each connection needs one, and shells
/// give a thousand unless asked.
fn take_all_descriptors() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::debug!(%error, "the number of open files stays as it is");
    }
}

fn say_exported(folder: &Path, extent: Extent, json: bool) {
    let Extent { databases, documents } = extent;
    if !json {
        let line =
            format!("{documents} documents of {databases} databases are in {}", folder.display());
        output::to_stderr(&line);
    }
}

impl Args {
    /// Everything that is behind the doors.
    fn rooms(&self) -> Result<Rooms, Failure> {
        let indexes = match &self.indexes {
            Some(path) => read_index_file(path)?,
            None => IndexFile::empty(),
        };
        let recording = Recording::start(&indexes, self.record_indexes.as_ref())?;
        let databases = MemoryDatabases::new(Options {
            clock: ShiftedClock::over(Arc::new(SystemClock)),
            served: Served::new(self.database.clone()),
            recorder: recording.recorder(),
            indexes,
            is_strict: self.strict,
        });
        let keeping = Keeping::new(databases.clone(), self.export.clone())?;
        Ok(Rooms { databases, recording, keeping, is_remote: self.allow_remote })
    }

    /// What is to go wrong.
    fn faults(&self) -> Result<FaultPlan, Failure> {
        let Some(path) = &self.faults_file else {
            return Ok(self.faults.clone().unwrap_or_default());
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("can't read {}", path.display()))
            .map_err(Failure::File)?;
        let is_toml = path.extension().is_some_and(|extension| extension == "toml");
        let plan = if is_toml { FaultPlan::from_toml(&text) } else { FaultPlan::from_json(&text) };
        plan.with_context(|| format!("{} is no plan of faults", path.display()))
            .map_err(Failure::File)
    }

    /// Puts into the databases what they start with.
    fn fill(&self, keeping: &Keeping) -> Result<(), Failure> {
        let Some(folder) = &self.import else { return Ok(()) };
        // The first of the runs that hand their databases on.
        if self.export.as_ref() == Some(folder) && snapshot::is_empty(folder) {
            return Ok(());
        }
        let imported = keeping.import(folder).context("can't import");
        imported.map(|_| ()).map_err(Failure::File)
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

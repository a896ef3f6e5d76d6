//! `firekeep demo`.

mod building;
mod feed;
mod replay;
mod rollup;

use std::path::{Path, PathBuf};
use std::time::Duration;

use firekeep::{Clock, SystemClock};
use firekeep_telemetry::{DeviceId, Reading, Telemetry, TenantId};
use jiff::tz::TimeZone;
use tokio::sync::watch;

use crate::address::StoreArgs;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Progress;
use crate::serve::{ListenArgs, Ready, serve, url};
use crate::table::{Fold, Instants, Reader, Table, Unreadable};

use building::Building;
use feed::Feed;
use replay::Replay;
use rollup::Rollup;

/// How much of the simulated past is there when the page opens.
const HISTORY: Duration = Duration::from_secs(24 * 3600);
/// Readings in one call while the past is stored.
const BATCH: usize = 499;

/// Serve a building that is alive: simulated rooms, or real readings replayed.
///
/// Everything happens in this process. The past is stored first; then time goes on, faster than
/// real time, until Ctrl-C. A nightly rollup of the past runs as a job meanwhile, under a lock; one of
/// its workers hangs, and is seen to stall, to be taken over and to be refused. If that does not come
/// about, the demo fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firekeep demo
  firekeep demo --speed 600
  firekeep demo --csv room.csv --device room-1
  FIRESTORE_EMULATOR_HOST=127.0.0.1:8787 firekeep demo --store firestore://demo")]
pub(crate) struct Args {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    listen: ListenArgs,

    /// Replay the readings of this file instead of simulating; see `firekeep ingest`.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,

    /// The device that the file's readings are shown under.
    #[arg(long, value_name = "DEVICE", default_value = "room-1", requires = "csv")]
    device: DeviceId,

    /// How many times faster than real time.
    #[arg(long, value_name = "FACTOR", default_value_t = 60.0, value_parser = parse_speed)]
    speed: f64,

    /// Which simulated building: the same seed, the same events.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "csv")]
    seed: u64,
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse::<f64>().ok().filter(|speed| (0.01..=100_000.0).contains(speed));
    speed.ok_or_else(|| "expected a number from 0.01 to 100000".to_owned())
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let (past, feed) = story(&args)?;
    let listener = args.listen.bind().await?;
    let (app, store) = args.listen.app(&args.store)?;
    let telemetry = app.telemetry().clone();
    let rollup = Rollup::new(app.jobs().clone(), app.locks().clone(), telemetry.clone(), &past);
    tokio::select! {
        () = interrupt.wait() => return Err(Failure::Interrupted("stopped before the demo began".into())),
        stored = store_past(&telemetry, &past, json) => stored?,
    }
    output::say(&Ready { url: url(&listener)?, store }, json);
    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let service = serve(listener, app, until(stopped.clone()));
    let feeding = feed.run(&telemetry, &SystemClock, args.speed, until(stopped.clone()));
    let rolling = async {
        tokio::select! {
            done = roll_up(&rollup, json) => done,
            () = until(stopped) => Ok(()),
        }
    };
    let ending = async {
        interrupt.wait().await;
        let _ = stop.send(true);
    };
    tokio::pin!(ending);
    let work = async { futures::try_join!(service, feeding, rolling) };
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => done.map(drop),
        () = &mut ending => work.await.map(drop),
    }
}

/// Rolls up once, and says what came of it.
async fn roll_up(rollup: &Rollup, json: bool) -> Result<(), Failure> {
    output::say(&rollup.run().await?, json);
    Ok(())
}

/// What is stored before the page opens, and what follows.
fn story(args: &Args) -> Result<(Vec<Reading>, Feed), Failure> {
    let invalid = |error: firekeep_telemetry::Invalid| Failure::Failed(error.into());
    if let Some(path) = &args.csv {
        let past = read_csv(path, &args.listen.tenant, &args.device)?;
        let replay = Replay::after(past.clone());
        let empty = || Failure::File(anyhow::anyhow!("{} holds no readings", path.display()));
        return Ok((past, Feed::Replay(replay.ok_or_else(empty)?)));
    }
    let start = SystemClock.wall().saturating_sub(HISTORY);
    let mut building =
        Building::new(args.listen.tenant.clone(), start, args.seed).map_err(invalid)?;
    let minutes = HISTORY.as_secs() / building::STEP.as_secs();
    let rounds = (0..minutes).map(|_| building.measure()).collect::<Result<Vec<_>, _>>();
    Ok((rounds.map_err(invalid)?.into_iter().flatten().collect(), Feed::Building(building)))
}

fn read_csv(path: &Path, tenant: &TenantId, device: &DeviceId) -> Result<Vec<Reading>, Failure> {
    let reader = Reader {
        tenant: tenant.clone(),
        device: Some(device.clone()),
        assignments: vec![],
        instants: Instants { zone: TimeZone::UTC, fold: Fold::Refuse },
    };
    let wrong = |mistakes| Failure::Input { file: path.display().to_string(), mistakes };
    let table = Table::open(path, reader).map_err(|error| match error {
        Unreadable::File(error) => Failure::File(error),
        Unreadable::Header(mistake) => wrong(vec![mistake]),
    })?;
    let (mut readings, mut mistakes) = (vec![], vec![]);
    for row in table.rows() {
        match row {
            Ok(row) => readings.push(row.reading),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(readings) } else { Err(wrong(mistakes)) }
}

async fn store_past(telemetry: &Telemetry, past: &[Reading], quiet: bool) -> Result<(), Failure> {
    let mut progress = Progress::new(past.len() as u64, "readings", quiet);
    for batch in past.chunks(BATCH) {
        let stored = telemetry.write_batch(batch).await;
        stored.map_err(|error| Failure::Failed(error.into()))?;
        progress.advance(batch.len() as u64);
    }
    progress.finish();
    Ok(())
}

//! `firekeep ingest`.

mod report;
mod sink;

use std::path::PathBuf;

use firekeep_telemetry::{DeviceId, Reading, TenantId};
use jiff::tz::TimeZone;

use crate::address::StoreAddress;
use crate::failure::{self, Failure};
use crate::interrupt::Interrupt;
use crate::output;
use crate::progress::Progress;
use crate::table::{Assignment, Fold, Instants, Mistake, Reader, Row, Table, Unreadable};

use report::Report;
use sink::Sink;

/// Readings in one request. With its device's document one commit's 500 writes.
const BATCH: usize = 499;

/// Store the readings of a CSV file.
///
/// The first line names the columns: a time (`date`, `time` or `timestamp`), perhaps `device`, and
/// metrics. `Temperature`, `Humidity`, `Light`, `CO2`, `HumidityRatio` and `Occupancy` are known
/// with their units; others are written `Power [kW]`, or explained by --column. A header with one
/// name fewer than the rows have cells leaves out the name of the first column, a row number. An
/// empty cell was not measured.
///
/// The whole file is checked before anything is written. A reading's id follows from its device,
/// its time and, where one time has several readings, its place among them; so an interrupted run
/// is resumed by running it again: what is stored already is recognized, and nothing is stored
/// twice.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("Examples:
  firekeep ingest room.csv --device room-1
  firekeep ingest room.csv --device room-1 --timezone Europe/Brussels --dry-run
  firekeep ingest meters.csv --column 'P=power:kW' --column 'comment=-' --skip-bad
  firekeep ingest room.csv --device room-1 --store firestore://my-project

{}", failure::EXIT_CODES))]
pub(crate) struct Args {
    /// The CSV file.
    file: PathBuf,

    /// The device that measured; a column `device` overrides it row by row.
    #[arg(long, value_name = "DEVICE")]
    device: Option<DeviceId>,

    /// The tenant that the devices belong to.
    #[arg(long, value_name = "TENANT", default_value = "demo")]
    tenant: TenantId,

    #[command(flatten)]
    target: Target,

    /// The time zone of times that state no offset, by its IANA name.
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = parse_zone)]
    timezone: TimeZone,

    /// What a time means that exists twice because clocks were set back.
    #[arg(long, value_enum, default_value_t, value_name = "WHICH")]
    fold: Fold,

    /// What a column holds: NAME=METRIC:UNIT, or NAME=- to leave it out. May be repeated.
    #[arg(long = "column", value_name = "ASSIGNMENT")]
    columns: Vec<Assignment>,

    /// Start at this line of the file, counted from 1.
    #[arg(long, value_name = "LINE", default_value_t = 1)]
    from_line: u64,

    /// Leave out lines that are wrong, and say which, instead of writing nothing.
    #[arg(long)]
    skip_bad: bool,

    /// Check the file and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Where the readings go.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct Target {
    /// The service to send to.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,

    /// The store to write to, without a service between: `firestore://PROJECT/DATABASE`.
    #[arg(long, value_name = "STORE")]
    store: Option<StoreAddress>,
}

fn parse_zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        "expected the IANA name of a time zone, as in UTC or Europe/Brussels".to_owned()
    })
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let table = open(&args)?;
    let checked = Checked::of(&table, args.from_line);
    if !checked.mistakes.is_empty() {
        if !args.skip_bad {
            let file = args.file.display().to_string();
            return Err(Failure::Input { file, mistakes: checked.mistakes });
        }
        if !json {
            output::to_stderr(&format!("left out:\n{}", failure::list(&checked.mistakes)));
        }
    }
    let mut report = Report::new(&args.file, checked.mistakes, args.dry_run);
    if args.dry_run {
        report.readings = checked.rows;
    } else {
        let mut sink = Sink::open(&args.target.server, args.target.store.as_ref())?;
        let rows = table.rows().flatten().filter(|row| row.line >= args.from_line);
        let progress = Progress::new(checked.rows, "readings", json);
        store(&mut sink, rows, progress, &mut report).await?;
    }
    output::say(&report, json);
    Ok(())
}

fn open(args: &Args) -> Result<Table, Failure> {
    let reader = Reader {
        tenant: args.tenant.clone(),
        device: args.device.clone(),
        assignments: args.columns.clone(),
        instants: Instants { zone: args.timezone.clone(), fold: args.fold },
    };
    Table::open(&args.file, reader).map_err(|error| match error {
        Unreadable::File(error) => Failure::File(error),
        Unreadable::Header(mistake) => {
            Failure::Input { file: args.file.display().to_string(), mistakes: vec![mistake] }
        }
    })
}

/// What a first pass over the file found.
struct Checked {
    rows: u64,
    mistakes: Vec<Mistake>,
}

impl Checked {
    fn of(table: &Table, from_line: u64) -> Self {
        let mut checked = Self { rows: 0, mistakes: vec![] };
        for row in table.rows() {
            match row {
                Ok(row) => checked.rows += u64::from(row.line >= from_line),
                Err(mistake) if mistake.line >= from_line => checked.mistakes.push(mistake),
                Err(_) => {}
            }
        }
        checked
    }
}

/// Stores the rows batch by batch, until the end or an interruption. A batch that is under way when
/// the user interrupts is stored whole or not at all.
async fn store(
    sink: &mut Sink,
    rows: impl Iterator<Item = Row>,
    mut progress: Progress,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let mut rows = rows.peekable();
    let mut last_line = None;
    while rows.peek().is_some() {
        let batch: Vec<Row> = rows.by_ref().take(BATCH).collect();
        let readings: Vec<Reading> = batch.iter().map(|row| row.reading.clone()).collect();
        let stored = tokio::select! {
            biased;
            () = interrupt.wait() => return Err(Failure::Interrupted(resume(last_line))),
            stored = sink.store(&readings) => stored,
        };
        let stored = stored.map_err(|error| {
            let index = error.index.and_then(|index| batch.get(index));
            let line = index.map(|row| format!("line {}: ", row.line)).unwrap_or_default();
            Failure::Failed(error.source.context(format!("{line}{}", resume(last_line))))
        })?;
        report.add(stored, &readings);
        last_line = batch.last().map(|row| row.line);
        progress.advance(batch.len() as u64);
    }
    progress.finish();
    Ok(())
}

/// How to go on after having stopped.
fn resume(last_line: Option<u64>) -> String {
    match last_line {
        None => "stopped before anything was confirmed; run the same command again".to_owned(),
        Some(line) => format!(
            "stopped; everything up to line {line} is stored; run the same command again to go on \
             (add --from-line {} to save the reads that recognize what is stored)",
            line + 1
        ),
    }
}

//! `firekeep jobs run`.

mod attempt;
mod child;
mod outcome;
mod pool;
mod queue;
mod stop;
mod template;

use std::num::NonZeroUsize;
use std::time::Duration;

use firekeep::jobs::{ClaimOptions, Job, JobId, JobSpec, Tag};

use super::{JobsArgs, failure, parse_job, parse_tag};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output;
use crate::process::this_process;
use crate::progress::Progress;
use crate::time::parse_time;

use pool::Pool;
use stop::Stop;
use template::Template;

/// Run a command for each task of a job, several at once.
///
/// Creates the job if there is none. A worker claims a task, so that nobody else runs it, records that it
/// is in step 1, runs the command, and records that it is finished, or an error: the command's status,
/// with the last line that it wrote to standard error. What is finished is left alone, so an
/// interrupted run is resumed by running it again; several runs of one job, on several machines, share
/// its tasks, and each ends when all tasks have ended.
///
/// {task}, {job} and {attempt} in the command stand for the task, from 0, the job, and which attempt
/// of the task this is, from 1; the command also finds them in FIREKEEP_TASK, FIREKEEP_JOB and
/// FIREKEEP_ATTEMPT. A line `progress DONE/TOTAL [MESSAGE]` that it writes to standard output is recorded
/// as its progress; other lines are passed on, to standard error if --json is given.
///
/// Ctrl-C or SIGTERM cancels: commands get SIGTERM, and SIGKILL after --kill-after or at a second Ctrl-C; their
/// tasks are recorded as the error -130, `cancelled`. A command whose claim is lost, because the store
/// was out of reach for longer than --stall-after, is ended in the same way; its task is somebody
/// else's then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes:
  0    all tasks are finished
  1    some tasks failed, the lowest status is named; or the store or the machine failed
  2    the command line is wrong, or the job has another number of tasks
  130  cancelled

Examples:
  firekeep jobs run --job nightly --tasks 20 --store firestore://my-project -- ./rollup.sh {task}
  firekeep jobs run --job nightly --tasks 20 --workers 4 --retries 2 --timeout 10m \\
    --store firestore://my-project -- sh -c './rollup.sh --day $FIREKEEP_TASK'
  firekeep jobs run --job check --tasks 3 --store memory -- sh -c 'echo progress 1/2; exit {task}'")]
pub(crate) struct Args {
    /// The job: 1 to 1,500 bytes, without `/`.
    #[arg(long, value_name = "JOB", value_parser = parse_job)]
    job: JobId,

    /// How many tasks it has: they are numbered from 0.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    tasks: u32,

    #[command(flatten)]
    jobs: JobsArgs,

    /// How many commands run at once; as many as there are processors unless given.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// The tag that states are recorded in.
    #[arg(long, value_name = "TAG", default_value = "run", value_parser = parse_tag)]
    tag: Tag,

    /// How often a task is tried again that failed, after 1 s at most, then 2 s, 4 s, up to a minute.
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,

    /// How long one attempt may take; then it is ended, and has failed with -124. No limit unless given.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,

    /// How many versions of each state to keep besides the latest, if the job is created by this.
    #[arg(long, value_name = "N", default_value_t = 0)]
    history: u32,

    /// After how long others take over the tasks of a machine that died: 100ms to 24h.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    stall_after: Duration,

    /// How long a command has between SIGTERM and SIGKILL.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    kill_after: Duration,

    /// A name for operators to see beside the claims; HOST:PROCESS unless given.
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,

    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let stop = Stop::default();
    let jobs = args.jobs.open()?;
    let spec = JobSpec::new(args.tasks).history(args.history);
    let job = tokio::select! {
        job = jobs.create_or_open(&args.job, spec) => job.map_err(failure)?,
        () = interrupt.wait() => return Err(Failure::Interrupted("cancelled before anything ran".into())),
    };
    let progress = Progress::new(u64::from(args.tasks), "tasks", json);
    let pool = args.pool(&job, &stop, progress, json);
    let work = pool.run();
    tokio::pin!(work);
    let summary = loop {
        tokio::select! {
            summary = &mut work => break summary,
            () = interrupt.wait() => stop.ask(),
        }
    };
    let summary = summary.map_err(failure)?;
    if json {
        output::say(&summary, true);
    } else {
        output::to_stderr(&summary.to_string());
    }
    summary.outcome()
}

impl Args {
    fn pool<'a>(
        &'a self,
        job: &'a Job,
        stop: &'a Stop,
        progress: Progress,
        json: bool,
    ) -> Pool<'a> {
        let workers = self.workers.or_else(|| std::thread::available_parallelism().ok());
        Pool {
            job,
            tag: &self.tag,
            template: Template::new(&self.command),
            workers: workers.map_or(1, NonZeroUsize::get),
            retries: self.retries,
            timeout: self.timeout,
            kill_after: self.kill_after,
            claims: self.claims(),
            stop,
            progress: progress.into(),
            json,
        }
    }

    fn claims(&self) -> ClaimOptions {
        let owner = self.owner.clone().unwrap_or_else(this_process);
        ClaimOptions::default().stall_after(self.stall_after).owner(owner)
    }
}

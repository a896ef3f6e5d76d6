//! `firekeep jobs monitor`.

mod frame;
mod lines;
mod pace;
mod screen;

use std::io::IsTerminal;

use firekeep::jobs::{Cursor, JobId, Key, Scope, Tag};

use super::{JobsArgs, failure, parse_job, parse_tag};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// Follow the states of a job.
///
/// On a terminal it is a board that stays up to date: tasks and tags, how far they are, how fast, for how
/// long still, and who holds the others up. Elsewhere, or with --json, each state is one line, a JSON object
/// with jobID, tag, taskID, version, status, message, timestamp, eventID and replay: first the states
/// that are there, with `replay` true, then each change. What else there is to say, such as that states
/// were deleted, is on standard error, at the end the cursor to go on from with --from.
///
/// Ctrl-C, SIGTERM, and a reader that has read enough, end it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes:
  0  ended by Ctrl-C, SIGTERM, or whoever reads
  1  the job was deleted, or the store or the network failed
  2  the command line is wrong

Examples:
  firekeep jobs monitor --job nightly --store firestore://my-project
  firekeep jobs monitor --job nightly --tag read --task 3 --json --store firestore://my-project
  firekeep jobs monitor --job nightly --json --store firestore://my-project | jq 'select(.status < 0)'")]
pub(crate) struct Args {
    /// The job.
    #[arg(long, value_name = "JOB", value_parser = parse_job)]
    job: JobId,

    #[command(flatten)]
    jobs: JobsArgs,

    /// This tag only.
    #[arg(long, value_name = "TAG", value_parser = parse_tag)]
    tag: Option<Tag>,

    /// This task only.
    #[arg(long, value_name = "N")]
    task: Option<u32>,

    /// Go on from the cursor that an earlier run gave, with what changed since; as lines.
    #[arg(long, value_name = "CURSOR", value_parser = parse_cursor)]
    from: Option<Cursor>,
}

pub(crate) async fn run(args: Args, json: bool) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let jobs = args.jobs.open()?;
    let observer = tokio::select! {
        observer = jobs.observe(&args.job) => observer.map_err(failure)?,
        () = interrupt.wait() => return Ok(()),
    };
    let scope = args.scope();
    if json || args.from.is_some() || !std::io::stdout().is_terminal() {
        let watch = match &args.from {
            Some(cursor) => observer.watch_from(scope, cursor),
            None => observer.watch(scope),
        };
        return lines::follow(watch.map_err(failure)?, args.from, interrupt, json).await;
    }
    screen::follow(&observer, scope, interrupt).await
}

impl Args {
    fn scope(&self) -> Scope {
        match (&self.tag, self.task) {
            (None, None) => Scope::Job,
            (Some(tag), None) => Scope::Tag(tag.clone()),
            (None, Some(task)) => Scope::Task(task),
            (Some(tag), Some(task)) => Scope::Cell(Key::new(tag.clone(), task)),
        }
    }
}

fn parse_cursor(text: &str) -> Result<Cursor, String> {
    text.parse::<Cursor>().map_err(|error| error.to_string())
}

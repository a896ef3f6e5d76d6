//! What it takes to follow a job of `firekeep-jobs`: many who watch, many cells, all of them at once.

use std::time::{Duration, Instant};

use anyhow::Context;
use firekeep_core::{Db, DocPath, Timestamp, Write, fields};
use firekeep_jobs::{Board, Event, Job, Jobs, Scope, Tag, TaskWriter, Update};
use futures::StreamExt;
use futures::future::{join_all, try_join_all};
use tokio::runtime::Runtime;

use crate::jobs::memory;
use crate::measure::{Clock, Sample, sampled};
use crate::report::{Bar, Row};

const SUBSCRIBERS: usize = 100;
const UPDATES: u64 = 10_000;
const TASKS: u32 = 10;

pub fn run(runtime: &Runtime, rounds: usize) -> anyhow::Result<Vec<Row>> {
    eprintln!("jobs: {SUBSCRIBERS} subscribers, boards and replays on memory …");
    let mut rows = vec![replays(runtime)?, watched(rounds)?];
    let boards = [100, 100_000].map(|tasks| runtime.block_on(board(tasks)));
    let [small, large] = boards;
    rows.push(flat(rounds, &small?, &large?)?);
    Ok(rows)
}

/// 10,000 updates until 100 subscribers have the last of each cell, and the same while nobody looks.
fn watched(rounds: usize) -> anyhow::Result<Row> {
    // The writer has a thread, and all who watch have one: more would compete for the writer's.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let round = |subscribers| runtime.block_on(updates(subscribers));
    let measured = sampled(rounds, || round(SUBSCRIBERS), || round(0))?;
    Ok(Row {
        group: "jobs",
        case: format!("memory: {UPDATES} updates, {SUBSCRIBERS} watch"),
        figure: "times the time",
        ratio: 1.0 / measured.speed(),
        bar: Bar::AtMost(1.3),
        context: format!(
            "{:.1?} against {:.1?}, {:.1} times the CPU time",
            measured.ours(),
            measured.peer(),
            measured.cpu()
        ),
    })
}

async fn updates(subscribers: usize) -> anyhow::Result<Sample> {
    let job = Jobs::new(memory()?).create("job", TASKS).await?;
    let claims = try_join_all((0..TASKS).map(|task| job.claim(task))).await?;
    let writers: Vec<TaskWriter> = claims.into_iter().filter_map(|claim| claim.writer()).collect();
    let last = UPDATES / u64::from(TASKS);
    let mut watches = Vec::new();
    for _ in 0..subscribers {
        let mut watch = job.watch(Scope::Job)?;
        while !matches!(watch.next().await.context("the watch ended")??, Event::ReplayDone { .. }) {
        }
        watches.push(tokio::spawn(async move {
            let mut done = 0;
            while done < TASKS {
                let event = watch.next().await.context("the watch ended")??;
                done +=
                    u32::from(matches!(event, Event::State { state, .. } if state.version == last));
            }
            anyhow::Ok(())
        }));
    }
    let clock = Clock::start();
    for n in 0..UPDATES {
        let writer = &writers[(n % u64::from(TASKS)) as usize];
        writer.set("read", Update::new(1).message("at work").progress(n, UPDATES)).await?;
    }
    for watch in join_all(watches).await {
        watch.context("a subscriber panicked")??;
    }
    Ok(clock.stop())
}

/// A job with a state of each of `tasks`.
async fn full(tasks: u32) -> anyhow::Result<(Db, Job)> {
    let db = memory()?;
    let job = Jobs::new(db.clone()).create("job", tasks).await?;
    let run = job.run().created();
    let write = |task| anyhow::Ok(Write::replace(cell(task)?, state(run, task))?);
    // Page by page, so that no memory is left free that a replay could take unseen.
    for first in (0..tasks).step_by(100) {
        db.commit((first..tasks.min(first + 100)).map(write).collect::<Result<_, _>>()?).await?;
    }
    Ok((db, job))
}

fn cell(task: u32) -> anyhow::Result<DocPath> {
    Ok(DocPath::new(format!("jobs/job/states/read:{task}"))?)
}

fn state(run: Timestamp, task: u32) -> firekeep_core::Fields {
    fields! {
        "jobID" => "job", "run" => run, "tag" => "read", "taskID" => i64::from(task),
        "status" => i64::from(task % 7 + 1), "version" => 1, "eventID" => format!("event-{task}"),
        "attempt" => 1, "schemaVersion" => 1, "first" => true, "message" => "at work",
    }
}

async fn board(tasks: u32) -> anyhow::Result<Board> {
    let (_, job) = full(tasks).await?;
    let board = job.board()?;
    board.ready().await?;
    Ok(board)
}

/// Aggregates of 10^5 tasks beside those of 10^2.
fn flat(rounds: usize, small: &Board, large: &Board) -> anyhow::Result<Row> {
    const ASKED: u32 = 20_000;
    let scopes = [Scope::Job, Scope::Tag(Tag::new("read")?), Scope::Task(7)];
    let round = |board: &Board| {
        let clock = Clock::start();
        for n in 0..ASKED {
            let found = board.aggregate(&scopes[n as usize % 3])?;
            anyhow::ensure!(found.status.as_i32() == 1, "another status is the lowest");
        }
        Ok(clock.stop())
    };
    let measured = sampled(rounds, || round(large), || round(small))?;
    let each = |took: Duration| took.as_secs_f64() * 1e9 / f64::from(ASKED);
    Ok(Row {
        group: "jobs",
        case: "memory: aggregate of 10^5 tasks against 10^2".into(),
        figure: "times the time",
        ratio: 1.0 / measured.speed(),
        bar: Bar::AtMost(1.5),
        context: format!("{:.0} ns against {:.0} ns", each(measured.ours()), each(measured.peer())),
    })
}

/// What replays of 10^5 and 10^4 cells take of memory, while they are held.
fn replays(runtime: &Runtime) -> anyhow::Result<Row> {
    let (small, _) = runtime.block_on(replay(10_000))?;
    let (large, took) = runtime.block_on(replay(100_000))?;
    Ok(Row {
        group: "jobs",
        case: "memory: replay of 10^5 cells against 10^4".into(),
        figure: "times the memory",
        ratio: large as f64 / small.max(1) as f64,
        bar: Bar::AtMost(12.0),
        context: format!("{} B per cell, {took:.1?}", large / 100_000),
    })
}

async fn replay(tasks: u32) -> anyhow::Result<(u64, Duration)> {
    let (_, job) = full(tasks).await?;
    let (before, start) = (resident()?, Instant::now());
    let mut watch = job.watch(Scope::Job)?;
    let mut told = 0;
    loop {
        match watch.next().await.context("the watch ended")?? {
            Event::State { .. } => told += 1,
            Event::ReplayDone { .. } => break,
            _ => {}
        }
    }
    anyhow::ensure!(told == tasks, "{told} of {tasks} cells were told");
    Ok((resident()?.saturating_sub(before), start.elapsed()))
}

/// How many bytes of this process are in memory.
fn resident() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

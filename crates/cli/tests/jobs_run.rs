//! `firekeep jobs run`, with real commands under it: in memory what one process shows, on the emulator
//! what several share.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use program::{Outcome, Shared, run, signal, until_listening};
use serde_json::{Value, json};

/// `jobs run --job j` of a script, with more arguments before it.
fn args<'a>(tasks: &'a str, more: &[&'a str], script: &'a str) -> Vec<&'a str> {
    let mut args = vec!["jobs", "run", "--job", "j", "--tasks", tasks];
    args.extend(more);
    args.extend(["--", "sh", "-c", script]);
    args
}

fn in_memory(tasks: &str, more: &[&str], script: &str) -> Outcome {
    run(&args(tasks, &[&["--store", "memory"], more].concat(), script))
}

/// The summary without what differs from test to test.
fn numbers(summary: &Value) -> Vec<u64> {
    let names = ["finished", "skipped", "elsewhere", "cancelled"];
    names.iter().map(|name| summary[name].as_u64().unwrap()).collect()
}

/// A new folder for what the commands of a test leave.
fn folder(name: &str) -> PathBuf {
    let name = format!("{name}-{}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Reads the command's first line of output, without the process losing what follows.
fn wait_for_line(child: &mut Child, line: &str) {
    let mut lines = BufReader::with_capacity(1, child.stdout.as_mut().unwrap());
    let mut read = String::new();
    lines.read_line(&mut read).unwrap();
    assert_eq!(read.trim_end(), line);
}

#[test]
fn every_task_runs_once_with_its_places_filled_and_lines_are_passed_on() {
    let script = "echo {task} {job} {attempt} $FIREKEEP_TASK $FIREKEEP_JOB $FIREKEEP_ATTEMPT; \
        echo progress 1/2 half; echo careful >&2";
    let outcome = in_memory("3", &["--workers", "2"], script);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let mut lines: Vec<_> = outcome.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["0 j 1 0 j 1", "1 j 1 1 j 1", "2 j 1 2 j 1"]);
    assert_eq!(outcome.stderr, "careful\ncareful\ncareful\nj: 3 of 3 tasks finished\n");
}

#[test]
fn the_lowest_status_is_named_and_the_last_complaint_is_its_message() {
    let script = "echo first >&2; echo progress 1/3; echo 'no {task}' >&2; exit {task}";
    let outcome = in_memory("3", &["--json"], script);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let summary = outcome.json();
    assert_eq!(numbers(&summary), [1, 0, 0, 0]);
    let failed = json!([
        { "task": 2, "status": -2, "message": "no 2" },
        { "task": 1, "status": -1, "message": "no 1" },
    ]);
    assert_eq!(summary["failed"], failed);
    let error: Value = serde_json::from_str(outcome.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["error"]["kind"], "tasks-failed");
    assert_eq!(error["error"]["message"], "2 of 3 tasks failed; task 2 with error -2: no 2");
}

#[test]
fn ends_of_every_kind_are_told_apart() {
    for (script, more, status, message) in [
        ("exit 3", &["--json"][..], -3, "exit status: 3"),
        ("kill -9 $$", &["--json"], -137, "signal: 9 (SIGKILL)"),
        ("exec sleep 1000", &["--json", "--timeout", "100ms"], -124, "took longer than 100ms"),
    ] {
        let summary = in_memory("1", more, script).json();
        assert_eq!(
            summary["failed"][0],
            json!({ "task": 0, "status": status, "message": message })
        );
    }
    let missing =
        ["jobs", "run", "--job", "j", "--tasks", "1", "--store", "memory", "--json", "--"];
    let summary = run(&[&missing[..], &["no-such-command-here"]].concat()).json();
    assert_eq!(summary["failed"][0]["status"], -127, "{summary}");
}

#[test]
fn a_failed_task_is_tried_again_as_a_new_attempt() {
    let folder = folder("retries");
    let script = format!("echo {{attempt}} >> {0}/{{task}}; [ {{attempt}} = 3 ]", folder.display());
    let outcome = in_memory("1", &["--retries", "2", "--json"], &script);
    assert_eq!(
        (outcome.code, numbers(&outcome.json())),
        (Some(0), vec![1, 0, 0, 0]),
        "{outcome:?}"
    );
    assert_eq!(std::fs::read_to_string(folder.join("0")).unwrap(), "1\n2\n3\n");
}

#[test]
fn a_wrong_command_line_is_refused_before_anything_runs() {
    let long = "j".repeat(1501);
    let base = ["jobs", "run", "--tasks", "1", "--store", "memory"];
    for (more, said) in [
        (vec!["--", "true"], "--job"),
        (vec!["--job", "j"], "COMMAND"),
        (vec!["--job", "a/b", "--", "true"], "must not hold `/`"),
        (vec!["--job", &long, "--", "true"], "has 1501"),
        (vec!["--job", "j", "--history", "1001", "--", "true"], "must be at most 1000"),
        (vec!["--job", "j", "--workers", "0", "--", "true"], "--workers"),
        (vec!["--job", "j", "--timeout", "soon", "--", "true"], "30s, 500ms"),
    ] {
        let outcome = run(&[&base[..], &more].concat());
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
}

#[test]
fn run_again_only_what_is_not_finished_runs() {
    let Some(shared) = Shared::new() else { return };
    let first = shared.run(&args("4", &["--json"], "[ {task} != 2 ] || exit 9"));
    assert_eq!((first.code, numbers(&first.json())), (Some(1), vec![3, 0, 0, 0]), "{first:?}");
    let second = shared.run(&args("4", &[], "echo {task} {attempt}"));
    assert_eq!((second.code, &*second.stdout), (Some(0), "2 2\n"), "{second:?}");
    assert_eq!(second.stderr, "j: 4 of 4 tasks finished, 3 before this run\n");
    let third = shared.run(&args("5", &["--json"], "true"));
    assert_eq!(third.code, Some(2), "{third:?}");
    assert!(third.error()["message"].as_str().unwrap().contains("has 4 tasks, not 5"));
}

#[test]
fn several_runs_share_the_tasks_and_none_runs_twice() {
    let Some(shared) = Shared::new() else { return };
    let folder = folder("shared");
    let script = format!("echo x >> {}/{{task}}", folder.display());
    let runs: Vec<_> = (0..3)
        .map(|_| start(shared.command(&args("12", &["--workers", "2", "--json"], &script))))
        .collect();
    let mut finished = 0;
    for run in runs {
        let outcome = Outcome::of(run.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let summary = outcome.json();
        let numbers = numbers(&summary);
        assert_eq!(numbers.iter().sum::<u64>(), 12, "{summary}");
        finished += numbers[0];
    }
    assert_eq!(finished, 12);
    for task in 0..12 {
        assert_eq!(std::fs::read_to_string(folder.join(task.to_string())).unwrap(), "x\n");
    }
}

#[test]
fn cancelling_ends_the_commands_says_so_and_leaves_the_tasks_to_the_next_run() {
    let Some(shared) = Shared::new() else { return };
    let script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done";
    for (name, more) in [("INT", &["--workers", "1"][..]), ("TERM", &["--workers", "1"])] {
        let mut child = start(shared.command(&args("2", more, script)));
        until_listening(&child);
        wait_for_line(&mut child, "up");
        signal(&child, name);
        let outcome = Outcome::of(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(130), "{outcome:?}");
        assert!(outcome.stderr.contains("cancelled; 2 of 2 tasks are not done"), "{outcome:?}");
    }
    let next = shared.run(&args("2", &["--json"], "true"));
    assert_eq!((next.code, numbers(&next.json())), (Some(0), vec![2, 0, 0, 0]), "{next:?}");
}

#[test]
fn a_command_that_does_not_end_is_killed_and_a_second_signal_kills_at_once() {
    let Some(shared) = Shared::new() else { return };
    let script = "trap '' TERM; echo up; while :; do sleep 0.05; done";
    for (more, signals) in [(&["--kill-after", "100ms"][..], 1), (&["--kill-after", "1h"], 2)] {
        let mut child = start(shared.command(&args("1", more, script)));
        wait_for_line(&mut child, "up");
        // A signal that comes before the one before it is heard is the same one.
        signal(&child, "INT");
        while child.try_wait().unwrap().is_none() {
            if signals == 2 {
                signal(&child, "TERM");
            }
            std::thread::yield_now();
        }
        let outcome = Outcome::of(child.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(130), "{outcome:?}");
    }
}

#[test]
fn a_run_that_was_killed_loses_its_tasks_to_the_next() {
    let Some(shared) = Shared::new() else { return };
    let more = ["--stall-after", "1s", "--json"];
    let mut killed = start(shared.command(&args("1", &more[..2], "echo up; exec sleep 5")));
    wait_for_line(&mut killed, "up");
    killed.kill().unwrap();
    killed.wait().unwrap();
    let next = shared.run(&args("1", &more, "[ {attempt} = 2 ]"));
    assert_eq!((next.code, numbers(&next.json())), (Some(0), vec![1, 0, 0, 0]), "{next:?}");
}

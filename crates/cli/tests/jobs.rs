//! `firekeep jobs list | show | monitor | gc | migrate | tombstone | revive | delete`, on a store that several
//! processes share.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use program::{Outcome, Shared, run, signal};
use serde_json::{Value, json};

/// A job `nightly` of three tasks, of which the last fails.
fn nightly() -> Option<Shared> {
    let shared = Shared::new()?;
    tasks(&shared, "nightly", "[ {task} != 2 ] || { echo bad luck >&2; exit 7; }");
    Some(shared)
}

fn tasks(shared: &Shared, job: &str, script: &str) {
    let args = ["jobs", "run", "--job", job, "--tasks", "3", "--", "sh", "-c", script];
    let outcome = shared.run(&args);
    assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
}

/// A `jobs monitor` that writes lines.
struct Monitor {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Monitor {
    fn start(shared: &Shared, more: &[&str]) -> Self {
        let args = [&["jobs", "monitor", "--job", "nightly", "--json"], more].concat();
        let mut command = shared.command(&args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn text(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn line(&mut self) -> Value {
        let text = self.text();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"))
    }

    fn lines(&mut self, count: usize) -> Vec<Value> {
        (0..count).map(|_| self.line()).collect()
    }

    /// Ends it as Ctrl-C does, and answers what it says then.
    fn interrupt(self, name: &str) -> String {
        signal(&self.child, name);
        let outcome = Outcome::of(self.child.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.stderr
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A child that ends with the test.
struct Shown(Child);

#[test]
fn a_wrong_command_line_is_refused() {
    let store = ["--store", "memory"];
    for (args, said) in [
        (vec!["jobs", "monitor"], "--job"),
        (vec!["jobs", "monitor", "--job", "j", "--from", "xyz"], "cursor"),
        (vec!["jobs", "migrate"], "--target"),
        (vec!["jobs", "gc", "--delete-age", "30d"], "30d"),
        (vec!["jobs", "gc", "--tombstone-age", "30 parsecs"], "age"),
        (vec!["jobs", "delete", "j"], "--yes"),
        (vec!["jobs", "list", "--phase", "gone"], "gone"),
    ] {
        let outcome = run(&[&args[..], &store].concat());
        assert_eq!(outcome.code, Some(2), "{args:?}: {outcome:?}");
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
    let outcome = run(&["jobs", "monitor", "--job", "j", store[0], store[1]]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("there is no job `j`"), "{outcome:?}");
}

#[test]
fn a_line_has_exactly_the_fields_that_others_parse_in_their_order() {
    let Some(shared) = nightly() else { return };
    let mut monitor = Monitor::start(&shared, &["--tag", "run", "--task", "2"]);
    let text = monitor.text();
    let mut rest = text.as_str();
    for name in
        ["jobID", "tag", "taskID", "version", "status", "message", "timestamp", "eventID", "replay"]
    {
        let at = rest.find(&format!("\"{name}\":")).unwrap_or_else(|| panic!("{name}: {text}"));
        rest = &rest[at..];
    }
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line.as_object().unwrap().len(), 9, "{line}");
    let told = [&line["jobID"], &line["tag"], &line["taskID"], &line["version"], &line["status"]];
    assert_eq!(told, [&json!("nightly"), &json!("run"), &json!(2), &json!(2), &json!(-7)]);
    assert_eq!((&line["message"], &line["replay"]), (&json!("bad luck"), &json!(true)));
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    assert!(!line["eventID"].as_str().unwrap().is_empty(), "{line}");
    monitor.interrupt("INT");
}

#[test]
fn what_is_there_comes_first_then_what_happens_and_a_cursor_goes_on_after_it() {
    let Some(shared) = nightly() else { return };
    let mut monitor = Monitor::start(&shared, &[]);
    assert!(monitor.lines(3).iter().all(|line| line["replay"] == true));
    tasks(&shared, "nightly", "true");
    let last = std::iter::repeat_with(|| monitor.line()).find(|line| line["status"] == i32::MAX);
    let last = last.unwrap();
    assert_eq!((&last["taskID"], &last["replay"]), (&json!(2), &json!(false)));
    let said: Value = serde_json::from_str(&monitor.interrupt("TERM")).unwrap();
    let cursor = said["cursor"].as_str().unwrap();
    let args = ["jobs", "run", "--job", "nightly", "--tasks", "3", "--tag", "later", "--", "true"];
    assert_eq!(shared.run(&args).code, Some(0));
    let mut later = Monitor::start(&shared, &["--from", cursor]);
    let mut finished = vec![];
    while finished.len() < 3 {
        let line = later.line();
        // What came after the last bookmark may be told again; what came before is not.
        assert!(line["tag"] == "later" || line["version"] == 4, "{line}");
        if line["tag"] == "later" && line["status"] == i32::MAX {
            finished.push(line["taskID"].as_u64().unwrap());
        }
    }
    finished.sort_unstable();
    assert_eq!(finished, [0, 1, 2]);
    later.interrupt("INT");
}

#[test]
fn a_reader_that_has_read_enough_ends_it() {
    let Some(shared) = nightly() else { return };
    let mut monitor = Monitor::start(&shared, &[]);
    monitor.line();
    drop(monitor.lines);
    assert_eq!(monitor.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_job_that_is_deleted_ends_its_monitor() {
    let Some(shared) = nightly() else { return };
    let mut monitor = Monitor::start(&shared, &[]);
    monitor.lines(3);
    let deleted = shared.run(&["jobs", "delete", "nightly", "--yes"]);
    assert_eq!((deleted.code, &*deleted.stdout), (Some(0), "nightly: gone\n"), "{deleted:?}");
    let outcome = Outcome::of(monitor.child.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("job `nightly` is deleted"), "{outcome:?}");
}

#[test]
fn a_job_is_listed_and_shown() {
    let Some(shared) = nightly() else { return };
    let list = shared.run(&["jobs", "list", "--json"]).json();
    let told = [&list["jobID"], &list["phase"], &list["numTasks"], &list["schemaVersion"]];
    assert_eq!(told, [&json!("nightly"), &json!("active"), &json!(3), &json!(1)]);
    let list = shared.run(&["jobs", "list"]);
    assert!(list.stdout.starts_with("nightly: active, 3 tasks, created "), "{list:?}");
    let shown = shared.run(&["jobs", "show", "nightly", "--json"]).json();
    assert_eq!((&shown["status"], &shown["anyError"]), (&json!(-7), &json!(true)), "{shown}");
    assert_eq!(shown["culprit"]["taskID"], 2);
    assert_eq!(shown["culprit"]["state"]["message"], "bad luck");
    assert_eq!(shown["byTag"][0]["histogram"], json!({ "-7": 1, "2147483647": 2 }));
    assert_eq!((&shown["claims"], &shown["stalled"]), (&json!([]), &json!([])));
    let shown = shared.run(&["jobs", "show", "nightly"]).stdout;
    let said = "run: 2 finished, 1 error -7; lowest is task 2 in `run`, error -7: bad luck";
    assert!(shown.contains(said), "{shown}");
    let missing = shared.run(&["jobs", "show", "other", "--json"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
}

#[test]
fn who_is_at_work_is_shown_and_whose_worker_died() {
    let Some(shared) = Shared::new() else { return };
    let args =
        ["jobs", "run", "--job", "nightly", "--tasks", "1", "--stall-after", "1s", "--owner", "me"];
    let script = ["--", "sh", "-c", "echo up; exec sleep 5"];
    let mut command = shared.command(&[&args[..], &script].concat());
    let mut worker = Shown(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(worker.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let show = || shared.run(&["jobs", "show", "nightly", "--json"]).json();
    let shown = show();
    assert_eq!(
        (&shown["claims"][0]["owner"], &shown["stalled"]),
        (&json!("me"), &json!([])),
        "{shown}"
    );
    worker.0.kill().unwrap();
    let shown = std::iter::repeat_with(show).find(|shown| shown["claims"] == json!([])).unwrap();
    assert_eq!(shown["stalled"], json!([0]), "{shown}");
}

#[test]
fn a_job_is_tombstoned_revived_collected_and_deleted() {
    let Some(shared) = nightly() else { return };
    let json = |args: &[&str]| shared.run(&[args, &["--json"]].concat()).json();
    let changed = |phase: &str| json!({ "jobID": "nightly", "phase": phase });
    assert_eq!(json(&["jobs", "tombstone", "nightly"]), changed("tombstoned"));
    assert_eq!(json(&["jobs", "list", "--phase", "tombstoned"])["jobID"], "nightly");
    assert_eq!(shared.run(&["jobs", "list", "--phase", "active"]).stdout, "");
    assert_eq!(json(&["jobs", "revive", "nightly"]), changed("active"));
    let gc = ["jobs", "gc", "--tombstone-age", "1ms", "--delete-age", "30d"];
    let planned = json(&[&gc[..], &["--dry-run"]].concat());
    assert_eq!(
        (&planned["tombstoned"], &planned["dryRun"]),
        (&json!(1), &json!(true)),
        "{planned}"
    );
    assert_eq!(json(&["jobs", "list"])["phase"], "active");
    let collected = shared.run(&gc);
    assert!(collected.stdout.starts_with("scanned=1 tombstoned=1 deleted=0 "), "{collected:?}");
    assert_eq!(collected.stderr, "nightly: tombstoned\n");
    assert_eq!(json(&["jobs", "list"])["phase"], "tombstoned");
    assert_eq!(json(&["jobs", "delete", "nightly", "--yes"]), changed("gone"));
    let again = shared.run(&["jobs", "delete", "nightly", "--yes", "--json"]);
    assert_eq!(again.code, Some(1), "{again:?}");
}

#[test]
fn what_is_there_already_is_not_migrated() {
    let Some(shared) = nightly() else { return };
    let migrated = shared.run(&["jobs", "migrate", "--target", "1", "--json"]).json();
    assert_eq!((&migrated["scanned"], &migrated["migrated"]), (&json!(1), &json!(0)), "{migrated}");
    let beyond = shared.run(&["jobs", "migrate", "--target", "9", "--json"]);
    assert_eq!(beyond.code, Some(2), "{beyond:?}");
    assert_eq!(beyond.error()["kind"], "usage");
    let missing = shared.run(&["jobs", "migrate", "--target", "1", "--job", "none"]);
    assert_eq!(missing.code, Some(1), "{missing:?}");
}

//! `firekeep lock`, with real commands under it: in memory what one process shows, on the emulator what
//! several do to each other.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};

use program::{Outcome, Shared, file, run, signal, until_listening};
use serde_json::{Value, json};

/// What the tests of locks ask of the database that they share.
trait Locking {
    fn status(&self, key: &str) -> Value;
    fn is_held(&self, key: &str) -> bool;
    fn hold(&self, key: &str, options: &[&str], script: &str) -> Holder;
}

impl Locking for Shared {
    fn status(&self, key: &str) -> Value {
        let outcome = self.run(&["lock", "status", key, "--json"]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        outcome.json()
    }

    fn is_held(&self, key: &str) -> bool {
        self.status(key)["held"].as_bool().unwrap()
    }

    /// Starts a script under the lock of `key`, and waits until it says that it is up.
    fn hold(&self, key: &str, options: &[&str], script: &str) -> Holder {
        let mut args = vec!["lock", "run", key];
        args.extend(options);
        args.extend(["--", "sh", "-c", script]);
        let mut command = self.command(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        Holder { child, lines }
    }
}

/// A `lock run` whose command is up.
struct Holder {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Holder {
    /// Ends what its script waits for.
    fn let_go(&mut self) {
        drop(self.child.stdin.take());
    }

    fn ended(mut self) -> Outcome {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        // Waiting closes the input, which would end the script for another reason.
        let input = self.child.stdin.take();
        let status = self.child.wait().unwrap();
        drop(input);
        self.lines.read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        Outcome { code: status.code(), stdout, stderr }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that it is up, and waits for the end of its input.
const WAITS: &str = "echo up; cat >/dev/null";
/// The same, but ends with 5 on any signal. `wait` hears signals at once; what runs in the background has
/// no other input than one that is given to it by number.
const HEARS: &str =
    "trap 'echo heard; exit 5' TERM INT HUP; exec 3<&0; echo up; cat <&3 >/dev/null 2>&1 & wait";
/// The same, but hears nothing.
const DEAF: &str = "trap '' TERM INT HUP; echo up; exec cat >/dev/null";

#[test]
fn a_command_finds_its_fence_and_its_status_is_the_answer() {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -15 $$", 143)]
    {
        let outcome = run(&["lock", "run", "a/b c", "--store", "memory", "--", "sh", "-c", script]);
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert_eq!(outcome.stderr, "");
    }
    let script = "echo $FIREKEEP_FENCE; echo $FIREKEEP_LOCK_KEY";
    let outcome = run(&["lock", "run", "a/b c", "--store", "memory", "--", "sh", "-c", script]);
    assert_eq!(outcome.stdout, "000000000000001\na/b c\n");
}

#[test]
fn what_cannot_be_run_is_told_apart() {
    let path = file("not-executable", "#!/bin/sh\n");
    for (command, code, kind) in
        [("no-such-command-here", 127, "not-found"), (&*path, 126, "not-executable")]
    {
        let outcome = run(&["lock", "run", "k", "--store", "memory", "--json", "--", command]);
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        assert_eq!(outcome.error()["kind"], kind);
    }
}

#[test]
fn a_wrong_command_line_is_refused_before_anything_is_run() {
    let long = "k".repeat(513);
    let memory = ["--store", "memory"];
    for (args, said) in [
        (vec!["lock", "run", "k", "--", "true"], "--store"),
        (vec!["lock", "run", "k", "--store", "memory"], "COMMAND"),
        (vec!["lock", "status", ""], "must not be empty"),
        (vec!["lock", "status", &long], "has 513 bytes"),
        (vec!["lock", "break", "k", "--store", "memory"], "--yes"),
        (vec!["lock", "run", "k", "--ttl", "1", "--store", "memory", "--", "true"], "30s, 500ms"),
        (vec!["lock", "run", "k", "--ttl", "5ms", "--store", "memory", "--", "true"], "100 ms"),
    ] {
        let outcome = run(&args);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains(said), "{outcome:?}");
    }
    let args = ["lock", "status", "a/b", "--layout", "syncguard", memory[0], memory[1]];
    let outcome = run(&args);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("is no document id"), "{outcome:?}");
}

#[test]
fn one_process_holds_a_lock_and_others_see_it() {
    let Some(shared) = Shared::new() else { return };
    let mut holder = shared.hold("jobs/night", &["--owner", "worker-7"], WAITS);
    let status = shared.status("jobs/night");
    assert_eq!((&status["held"], &status["mode"]), (&json!(true), &json!("exclusive")));
    assert_eq!(status["fence"], "000000000000001");
    assert_eq!(status["holders"][0]["owner"], "worker-7");
    assert!(status["holders"][0]["remaining_ms"].as_u64().unwrap() <= 30_001);
    let shown = shared.run(&["lock", "status", "jobs/night"]).stdout;
    assert!(
        shown.starts_with("jobs/night: exclusive, fence 000000000000001, by worker-7"),
        "{shown}"
    );
    let list = shared.run(&["lock", "list", "--json"]);
    assert_eq!(list.json()["key"], "jobs/night");

    let refused = ["lock", "run", "jobs/night", "--wait", "0s", "--json", "--", "echo", "never"];
    let refused = shared.run(&refused);
    assert_eq!((refused.code, &*refused.stdout), (Some(75), ""), "{refused:?}");
    assert_eq!(refused.error()["kind"], "held");

    holder.let_go();
    assert_eq!(holder.ended().code, Some(0));
    assert!(!shared.is_held("jobs/night"), "released at once");
    assert_eq!(shared.run(&["lock", "list"]).stdout, "");
    let next = ["lock", "run", "jobs/night", "--", "sh", "-c", "echo $FIREKEEP_FENCE"];
    assert_eq!(shared.run(&next).stdout, "000000000000002\n");
}

#[test]
fn a_waiter_gets_the_lock_when_it_is_released() {
    let Some(shared) = Shared::new() else { return };
    let mut holder = shared.hold("k", &[], WAITS);
    let mut waiter = shared.command(&["lock", "run", "k", "--wait", "1h", "--fair", "--", "true"]);
    let mut waiter = waiter.spawn().unwrap();
    until_listening(&waiter);
    assert!(waiter.try_wait().unwrap().is_none());
    holder.let_go();
    assert_eq!(waiter.wait().unwrap().code(), Some(0));
    assert_eq!(holder.ended().code, Some(0));
}

#[test]
fn shared_holders_exclude_exclusive_ones_only() {
    let Some(shared) = Shared::new() else { return };
    let mut holder = shared.hold("k", &["--shared"], WAITS);
    let other =
        |option: &str| shared.run(&["lock", "run", "k", "--wait", "0s", option, "--", "true"]).code;
    assert_eq!(other("--shared"), Some(0));
    assert_eq!(other("--ttl=30s"), Some(75));
    holder.let_go();
    assert_eq!(holder.ended().code, Some(0));
    assert_eq!(other("--ttl=30s"), Some(0));
}

#[test]
fn signals_are_passed_on_and_the_lock_is_released_all_the_same() {
    let Some(shared) = Shared::new() else { return };
    for name in ["TERM", "INT", "HUP"] {
        let holder = shared.hold("k", &[], HEARS);
        signal(&holder.child, name);
        let outcome = holder.ended();
        assert_eq!((outcome.code, &*outcome.stdout), (Some(5), "heard\n"), "{name}: {outcome:?}");
        assert!(!shared.is_held("k"), "{name}");
    }
}

#[test]
fn a_waiter_that_is_told_to_end_leaves_nothing_behind() {
    let Some(shared) = Shared::new() else { return };
    let mut holder = shared.hold("k", &[], WAITS);
    let waiting = ["lock", "run", "k", "--wait", "1h", "--json", "--", "echo", "never"];
    let mut waiter = shared.command(&waiting);
    let waiter = waiter.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until_listening(&waiter);
    signal(&waiter, "TERM");
    let output = waiter.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &*output.stdout), (Some(143), &b""[..]), "{output:?}");
    holder.let_go();
    assert_eq!(holder.ended().code, Some(0));
    assert!(!shared.is_held("k"));
}

#[test]
fn a_command_whose_lease_is_lost_is_ended() {
    let Some(shared) = Shared::new() else { return };
    for (script, options) in
        [(HEARS, vec!["--ttl", "1s"]), (DEAF, vec!["--ttl", "1s", "--kill-after", "100ms"])]
    {
        let holder = shared.hold("k", &options, script);
        let broken = shared.run(&["lock", "break", "k", "--yes", "--json"]);
        assert_eq!(broken.code, Some(0), "{broken:?}");
        assert_eq!(broken.json()["broken"], true, "{broken:?}");
        let outcome = holder.ended();
        assert_eq!(outcome.code, Some(124), "{outcome:?}");
        assert!(outcome.stderr.contains("the lease is lost; ending the command"), "{outcome:?}");
        assert_eq!(outcome.stdout, if script == HEARS { "heard\n" } else { "" });
        assert!(!shared.is_held("k"));
    }
    let free = shared.run(&["lock", "break", "k", "--yes"]);
    assert_eq!((free.code, &*free.stdout), (Some(0), "k: free\n"));
}

#[test]
fn the_other_layout_is_another_lock() {
    let Some(shared) = Shared::new() else { return };
    let mut holder = shared.hold("k", &["--layout", "syncguard"], WAITS);
    assert!(!shared.is_held("k"));
    let outcome = shared.run(&["lock", "status", "k", "--layout", "syncguard", "--json"]);
    assert_eq!(outcome.json()["held"], true);
    holder.let_go();
    assert_eq!(holder.ended().code, Some(0));
}

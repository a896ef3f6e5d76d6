//! Processes end with their owner, and so do their children.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use firekeep_testkit::process::{Process, free_port, get_root};

/// Whether a process runs. One that is dead and not yet reaped does not.
fn runs(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z"))
}

/// Waits until there is an id in `file`, and until its process runs as `wanted`.
fn settles(file: &Path, wanted: bool) -> bool {
    (0..500).any(|_| {
        let id = std::fs::read_to_string(file).unwrap_or_default();
        let there = !id.trim().is_empty() && runs(id.trim());
        let settled = there == wanted && !id.trim().is_empty();
        if !settled {
            std::thread::sleep(Duration::from_millis(20));
        }
        settled
    })
}

fn scratch(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("firekeep-process-{}-{name}", std::process::id()))
}

/// A script that starts a child of its own, as the emulator's launcher does.
fn launcher(file: &Path) -> Process {
    let script = format!("sleep 600 & echo $! > {}; wait", file.display());
    Process::start(Path::new("sh"), ["-c", &script], &scratch("log")).unwrap()
}

#[test]
fn dropping_ends_the_grandchild_too() {
    let file = scratch("dropped");
    let process = launcher(&file);
    assert!(settles(&file, true), "the grandchild runs");
    drop(process);
    assert!(settles(&file, false), "the grandchild is gone");
}

#[test]
fn a_panic_ends_it_as_well() {
    let file = scratch("panicked");
    let panicked = std::panic::catch_unwind(|| {
        let _process = launcher(&file);
        assert!(settles(&file, true), "the grandchild runs");
        panic!("a test fails while the process runs");
    });
    assert!(panicked.is_err());
    assert!(settles(&file, false), "the grandchild is gone");
}

#[test]
fn a_program_that_ends_early_is_noticed() {
    let mut process = Process::start(Path::new("false"), [""; 0], &scratch("early")).unwrap();
    let outcome = process.wait_until(Duration::from_secs(10), || false);
    assert_eq!(outcome, Err("it ended before it was ready"));
}

#[test]
fn nobody_answers_on_a_free_port() {
    let port = free_port().unwrap();
    assert!(get_root(&format!("127.0.0.1:{port}")).is_err());
}

//! `firekeep serve` and `firekeep demo`: when they start, what they refuse, how they end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use program::{Service, data, file, firekeep, run, signal};
use serde_json::{Value, json};

#[test]
fn anything_but_loopback_is_refused_by_name() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let outcome = run(&["serve", "--listen", address]);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(
            outcome.stderr.contains(&format!("`{address}` is not a loopback address")),
            "{outcome:?}"
        );
    }
    assert_eq!(run(&["serve", "--listen", "example.com:80"]).code, Some(2));
}

#[test]
fn a_taken_port_is_a_failure_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let outcome = run(&["serve", "--listen", &address]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains(&format!("can't listen on `{address}`")), "{outcome:?}");
}

#[test]
fn a_truncated_index_file_is_bad_input() {
    let whole = include_str!("../../../infra/firestore.indexes.json");
    let path = file("truncated.json", &whole[..whole.len() / 2]);
    let outcome = run(&["serve", "--listen", "127.0.0.1:0", "--indexes", &path]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains(&format!("the index file {path} is wrong")), "{outcome:?}");
    let outcome = run(&["serve", "--listen", "127.0.0.1:0", "--indexes", "no-such-file.json"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
}

#[test]
fn a_store_that_is_none_is_bad_usage() {
    for store in ["disk", "firestore://", "firestore://a/b/c"] {
        let outcome = run(&["serve", "--store", store]);
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains("memory or firestore://PROJECT/DATABASE"), "{outcome:?}");
    }
    let outcome =
        run(&["serve", "--listen", "127.0.0.1:0", "--store", "firestore://NOT A PROJECT"]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
}

#[test]
fn either_signal_ends_it_well() {
    for name in ["INT", "TERM"] {
        let mut service = Service::start(&["serve"]);
        assert_eq!(service.get("/healthz")["status"], "ok");
        signal(&service.child, name);
        assert_eq!(service.child.wait().unwrap().code(), Some(0), "{name}");
    }
}

#[test]
fn the_demo_shows_five_rooms_with_a_day_behind_them() {
    let demo = Service::start(&["demo"]);
    let devices = demo.get("/v1/tenants/demo/devices");
    assert_eq!(devices["devices"].as_array().unwrap().len(), 5, "{devices}");
    let readings = demo.last("meeting-room", 1_000);
    assert_eq!(readings.len(), 1_000);
}

#[test]
fn the_demo_rolls_up_and_shows_a_stall_a_takeover_and_a_zombie_that_is_refused() {
    let args = ["demo", "--csv", &data("quoted.csv"), "--listen", "127.0.0.1:0", "--json"];
    let mut demo = firekeep(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut line = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert!(line()["url"].is_string());
    let rolled_up = line();
    assert_eq!((&rolled_up["tasks"], &rolled_up["readings"]), (&json!(1), &json!(60)));
    assert!(rolled_up["stalledMs"].as_u64().unwrap() >= 1000, "{rolled_up}");
    assert_eq!(rolled_up["fenced"], 1);
    assert!(rolled_up["takenOver"].as_u64().unwrap() >= 2, "{rolled_up}");
    signal(&demo, "TERM");
    assert_eq!(demo.wait().unwrap().code(), Some(0));
}

#[test]
fn the_demo_replays_real_readings_and_goes_on() {
    let mut demo = Service::start(&[
        "demo",
        "--csv",
        &data("unquoted.csv"),
        "--device",
        "office",
        "--speed",
        "100000",
    ]);
    let at = |readings: &[serde_json::Value]| readings[0]["at"].as_str().unwrap().to_owned();
    // The last row of the file; each asking takes the demo's time, so this ends.
    let moved = (0..10_000)
        .map(|_| at(&demo.last("office", 1)))
        .find(|at| at > &"2015-02-11T15:47:00.000000Z".to_owned());
    assert!(moved.is_some(), "nothing follows the file's last reading");
    assert!(demo.last("office", 1_000).len() > 60);
    signal(&demo.child, "TERM");
    assert_eq!(demo.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_demo_of_a_bad_file_does_not_start() {
    let path = file("demo.csv", "date,CO2\n2015-02-02 14:19:00,much\n");
    let outcome = run(&["demo", "--csv", &path, "--listen", "127.0.0.1:0"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
    assert!(outcome.stderr.contains("line 2, column `CO2`"), "{outcome:?}");
    let empty = file("empty.csv", "date,CO2\n");
    let outcome = run(&["demo", "--csv", &empty, "--listen", "127.0.0.1:0"]);
    assert_eq!(outcome.code, Some(3), "{outcome:?}");
}

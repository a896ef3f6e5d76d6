//! The commands on the official emulator: what memory shows holds there too.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a skip says why")]

mod program;

use firekeep_testkit::Availability;
use program::{Service, data, firekeep};

/// The emulator's address; `None`, with the reason printed, where none is required.
fn emulator() -> Option<String> {
    match firekeep_testkit::require::emulator() {
        Availability::At(host) => Some(host),
        Availability::Skipped(why) => {
            println!("skipped on the emulator: {why}");
            None
        }
        Availability::Missing(what) => panic!("{what}"),
    }
}

#[test]
fn what_is_ingested_into_the_database_is_served_from_it_and_stored_once() {
    let Some(host) = emulator() else { return };
    let store = format!("firestore://t-cli-{}-{}", std::process::id(), fastrand::u32(..));
    let ingest = || {
        let args = ["ingest", &data("unquoted.csv"), "--device", "a", "--store", &store, "--json"];
        let output = firekeep(&args).env("FIRESTORE_EMULATOR_HOST", &host).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(ingest()["created"], 60);
    assert_eq!(ingest()["unchanged"], 60);
    let mut command = firekeep(&["serve", "--store", &store]);
    command.env("FIRESTORE_EMULATOR_HOST", &host);
    let service = Service::spawn(command);
    let readings = service.last("a", 100);
    assert_eq!(readings.len(), 60);
    assert_eq!(readings[0]["at"], "2015-02-11T15:47:00.000000Z");
}

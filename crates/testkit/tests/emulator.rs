//! The emulator starts, answers and stops.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use firekeep_testkit::emulator::{Emulator, EmulatorError, answers};
use firekeep_testkit::require::is_required;

#[test]
fn the_emulator_answers_until_it_is_dropped() {
    let emulator = match Emulator::start() {
        Ok(emulator) => emulator,
        Err(EmulatorError::NoCli | EmulatorError::NotInstalled | EmulatorError::NoJava)
            if !is_required("emulator") =>
        {
            let _ = writeln!(std::io::stderr(), "skipped: the emulator is not installed");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let address = emulator.address().to_owned();
    assert!(answers(&address));
    drop(emulator);
    assert!(!answers(&address), "it still answers");
}

#[test]
fn every_reason_says_what_to_do() {
    let reasons = [EmulatorError::NoCli, EmulatorError::NotInstalled, EmulatorError::NoJava];
    for reason in reasons.map(|reason| reason.to_string()) {
        assert!(reason.contains("install"), "{reason}");
    }
    let command = "gcloud components install cloud-firestore-emulator";
    assert!(EmulatorError::NotInstalled.to_string().contains(command));
}

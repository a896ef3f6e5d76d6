//! The suite on Google's emulator, reached over gRPC.

use std::process::ExitCode;

use firekeep_conformance::{Harness, Source, run};
use firekeep_core::Db;
use firekeep_firestore::FirestoreStore;
use firekeep_testkit::Availability;

fn main() -> ExitCode {
    let deviations = include_str!("../conformance.toml");
    run(Harness::new("emulator", source()).deviations(deviations)).exit_code()
}

async fn source() -> Source {
    let host = match firekeep_testkit::require::emulator() {
        Availability::At(host) => host,
        Availability::Skipped(why) => return Source::Skip(why),
        Availability::Missing(why) => return Source::Missing(why),
    };
    // A project of its own: the emulator keeps what earlier runs wrote.
    let project = format!("conformance-{}", std::process::id());
    match FirestoreStore::builder(project).emulator(host).build() {
        Ok(store) => Source::Ready(Db::new(store)),
        Err(error) => Source::Missing(error.to_string()),
    }
}
